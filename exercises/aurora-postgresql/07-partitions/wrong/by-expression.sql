CREATE TABLE sales (salesorderid int, line int, orderdate date, customerid int, linetotal numeric)
  PARTITION BY RANGE (extract(year FROM orderdate));
CREATE TABLE sales_2011 PARTITION OF sales FOR VALUES FROM (2011) TO (2012);
CREATE TABLE sales_2012 PARTITION OF sales FOR VALUES FROM (2012) TO (2013);
CREATE TABLE sales_2013 PARTITION OF sales FOR VALUES FROM (2013) TO (2014);
CREATE TABLE sales_2014 PARTITION OF sales FOR VALUES FROM (2014) TO (2015);
CREATE TABLE sales_2015 PARTITION OF sales FOR VALUES FROM (2015) TO (2016);
CREATE TABLE sales_default PARTITION OF sales DEFAULT;
INSERT INTO sales SELECT salesorderid, line, orderdate, customerid, linetotal FROM sales_history;
INSERT INTO sales SELECT salesorderid, line, orderdate, customerid, linetotal FROM arrivals;
ALTER TABLE sales DETACH PARTITION sales_2011;
