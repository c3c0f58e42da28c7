CREATE TABLE sales (salesorderid int, line int, orderdate date, customerid int, linetotal numeric,
  PRIMARY KEY (salesorderid, line));
INSERT INTO sales SELECT salesorderid, line, orderdate, customerid, linetotal FROM sales_history;
INSERT INTO sales SELECT salesorderid, line, orderdate, customerid, linetotal FROM arrivals;
CREATE INDEX ON sales (orderdate);
CREATE TABLE sales_2011 AS SELECT * FROM sales WHERE orderdate BETWEEN '2011-01-01' AND '2011-12-31';
DELETE FROM sales WHERE orderdate BETWEEN '2011-01-01' AND '2011-12-31';
