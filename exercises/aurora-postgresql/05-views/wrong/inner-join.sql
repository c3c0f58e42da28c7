CREATE VIEW customer_totals AS
SELECT customerid, fullname, count(salesorderid) AS orders, sum(linetotal) AS total
FROM customers JOIN sales USING (customerid) GROUP BY customerid, fullname;
CREATE MATERIALIZED VIEW month_totals AS
SELECT date_trunc('month', orderdate)::date AS month, sum(linetotal) AS total FROM sales GROUP BY 1;
CREATE UNIQUE INDEX ON month_totals (month);
INSERT INTO sales SELECT * FROM late_sales;
REFRESH MATERIALIZED VIEW CONCURRENTLY month_totals;
