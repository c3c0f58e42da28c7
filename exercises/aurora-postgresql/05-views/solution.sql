-- 1. A name for a query: computed whenever somebody asks
CREATE VIEW customer_totals AS
SELECT customerid, fullname,
       count(DISTINCT salesorderid) AS orders,
       coalesce(sum(linetotal), 0) AS total
FROM customers LEFT JOIN sales USING (customerid)
GROUP BY customerid, fullname;

-- 2. The rows themselves: computed now
CREATE MATERIALIZED VIEW month_totals AS
SELECT date_trunc('month', orderdate)::date AS month, sum(linetotal) AS total
FROM sales
GROUP BY 1;

-- 3. A row is known by its month
CREATE UNIQUE INDEX month_totals_month ON month_totals (month);

-- 4. What came in late
INSERT INTO sales SELECT * FROM late_sales;

-- 5. Readers see the old rows until the new ones are ready
REFRESH MATERIALIZED VIEW CONCURRENTLY month_totals;
