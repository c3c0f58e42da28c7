-- 1. The key of a line, as a key here and as a reference to orders
CREATE TABLE returns (
  salesorderid int,
  salesorderdetailid int,
  quantity int NOT NULL CHECK (quantity >= 1),
  PRIMARY KEY (salesorderid, salesorderdetailid),
  FOREIGN KEY (salesorderid, salesorderdetailid) REFERENCES orders
);

-- 2. Each real line once
INSERT INTO returns
SELECT DISTINCT salesorderid, salesorderdetailid, quantity
FROM returns_feed JOIN orders USING (salesorderid, salesorderdetailid);

-- 3. First one row for each order, then the sums
CREATE VIEW sales_by_employee AS
WITH billed AS (
  SELECT DISTINCT salesorderid, employeeid, totaldue FROM orders
),
back AS (
  SELECT salesorderid, sum(quantity) AS pieces FROM returns GROUP BY salesorderid
)
SELECT
  e.employeeid,
  e.fullname,
  count(b.salesorderid) AS orders,
  coalesce(sum(b.totaldue), 0) AS billed,
  coalesce(sum(back.pieces), 0) AS pieces_back
FROM employees e
LEFT JOIN billed b USING (employeeid)
LEFT JOIN back USING (salesorderid)
GROUP BY e.employeeid, e.fullname;

-- 4. A condition on the sum of a group
CREATE VIEW frequent_returns AS
SELECT c.customerid, c.fullname, sum(r.quantity) AS pieces
FROM returns r
JOIN orders o USING (salesorderid, salesorderdetailid)
JOIN customers c USING (customerid)
WHERE r.quantity >= 10
GROUP BY c.customerid, c.fullname;

SELECT * FROM sales_by_employee ORDER BY billed DESC;
SELECT * FROM frequent_returns ORDER BY pieces DESC;
