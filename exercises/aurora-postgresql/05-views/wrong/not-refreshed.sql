CREATE VIEW customer_totals AS
SELECT c.customerid, c.fullname, count(DISTINCT salesorderid) AS orders, coalesce(sum(linetotal), 0) AS total
FROM customers c LEFT JOIN sales s ON s.customerid = c.customerid GROUP BY c.customerid, c.fullname;
CREATE MATERIALIZED VIEW month_totals AS
SELECT date_trunc('month', orderdate)::date AS month, sum(linetotal) AS total FROM sales GROUP BY 1;
CREATE INDEX ON month_totals (month);
INSERT INTO sales SELECT * FROM late_sales;
