-- 1. The database, and the tables with their keys. LIKE copies columns and primary key, but no foreign keys
CREATE DATABASE shop;
USE shop;
CREATE TABLE customers LIKE sandbox.customers;
CREATE TABLE employees LIKE sandbox.employees;
ALTER TABLE employees ADD FOREIGN KEY (managerid) REFERENCES employees (employeeid);
CREATE TABLE orders LIKE sandbox.orders;
ALTER TABLE orders
  ADD FOREIGN KEY (customerid) REFERENCES customers (customerid),
  ADD FOREIGN KEY (employeeid) REFERENCES employees (employeeid);

-- 2. What is missing in the file is to be NULL, and dates are to be read as what they are
LOAD DATA LOCAL INFILE 'fixtures/customers.csv' INTO TABLE customers
  FIELDS TERMINATED BY ',' LINES TERMINATED BY '\n';
LOAD DATA LOCAL INFILE 'fixtures/employees.csv' INTO TABLE employees
  FIELDS TERMINATED BY ',' LINES TERMINATED BY '\n'
  (employeeid, @managerid, firstname, lastname, fullname, jobtitle, organizationlevel, maritalstatus, gender,
   @territory, @country, @group)
  SET managerid = NULLIF(@managerid, ''), territory = NULLIF(@territory, ''),
      country = NULLIF(@country, ''), `group` = NULLIF(@group, '');
LOAD DATA LOCAL INFILE 'fixtures/orders.csv' INTO TABLE orders
  FIELDS TERMINATED BY ',' LINES TERMINATED BY '\n'
  (salesorderid, salesorderdetailid, @orderdate, @duedate, @shipdate, employeeid, customerid, subtotal, taxamt,
   freight, totaldue, productid, orderqty, unitprice, unitpricediscount, linetotal)
  SET orderdate = STR_TO_DATE(@orderdate, '%c/%e/%Y'), duedate = STR_TO_DATE(@duedate, '%c/%e/%Y'),
      shipdate = STR_TO_DATE(@shipdate, '%c/%e/%Y');
SHOW WARNINGS;

-- 3. The keys leave out what came twice and what never was
CREATE TABLE returns (
  salesorderid INT,
  salesorderdetailid INT,
  quantity INT NOT NULL,
  returned DATE NOT NULL,
  reason VARCHAR(50),
  PRIMARY KEY (salesorderid, salesorderdetailid),
  FOREIGN KEY (salesorderid, salesorderdetailid) REFERENCES orders (salesorderid, salesorderdetailid)
);
LOAD DATA LOCAL INFILE 'returns.csv' INTO TABLE returns
  FIELDS TERMINATED BY ',' LINES TERMINATED BY '\n' IGNORE 1 LINES
  (salesorderid, salesorderdetailid, quantity, @returned, reason)
  SET returned = STR_TO_DATE(@returned, '%c/%e/%Y');
SHOW WARNINGS;

-- 4. First one row for each order, then the sums
CREATE VIEW sales_by_employee AS
WITH once AS (
  SELECT DISTINCT salesorderid, employeeid, totaldue FROM orders
)
SELECT e.employeeid, e.fullname, COUNT(once.salesorderid) AS orders, COALESCE(SUM(once.totaldue), 0) AS billed
FROM employees e LEFT JOIN once USING (employeeid)
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
