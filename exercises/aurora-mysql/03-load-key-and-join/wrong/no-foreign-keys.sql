-- 1. and 2. The tables of sandbox, copied
CREATE DATABASE shop;
USE shop;
CREATE TABLE customers LIKE sandbox.customers;
CREATE TABLE employees LIKE sandbox.employees;
CREATE TABLE orders LIKE sandbox.orders;
INSERT INTO customers SELECT * FROM sandbox.customers;
INSERT INTO employees SELECT * FROM sandbox.employees;
INSERT INTO orders SELECT * FROM sandbox.orders;

-- 3. The keys leave out what came twice and what never was
CREATE TABLE returns (
  salesorderid INT,
  salesorderdetailid INT,
  quantity INT NOT NULL,
  returned DATE NOT NULL,
  reason VARCHAR(50),
  PRIMARY KEY (salesorderid, salesorderdetailid)
);
LOAD DATA LOCAL INFILE 'returns.csv' INTO TABLE returns
  FIELDS TERMINATED BY ',' LINES TERMINATED BY '\r\n' IGNORE 1 LINES
  (salesorderid, salesorderdetailid, quantity, @returned, @reason)
  SET returned = STR_TO_DATE(@returned, '%c/%e/%Y'), reason = NULLIF(@reason, '');
SHOW WARNINGS;

-- 4. First one row for each order, then the sums
CREATE VIEW sales_by_employee AS
WITH once AS (
  SELECT DISTINCT salesorderid, employeeid, totaldue FROM orders
)
SELECT e.employeeid, e.fullname, COUNT(once.salesorderid) AS orders, COALESCE(SUM(once.totaldue), 0) AS billed
FROM employees e JOIN once USING (employeeid)
GROUP BY e.employeeid, e.fullname;

-- 5. A condition on the sum of a group
CREATE VIEW frequent_returns AS
SELECT c.customerid, c.fullname, SUM(r.quantity) AS pieces
FROM returns r
JOIN orders o USING (salesorderid, salesorderdetailid)
JOIN customers c USING (customerid)
GROUP BY c.customerid, c.fullname
HAVING SUM(r.quantity) >= 10;

SELECT * FROM sales_by_employee ORDER BY billed DESC;
SELECT * FROM frequent_returns ORDER BY pieces DESC;
