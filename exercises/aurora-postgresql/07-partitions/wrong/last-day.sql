CREATE TABLE sales (salesorderid int, line int, orderdate date, customerid int, linetotal numeric,
  PRIMARY KEY (salesorderid, line, orderdate)) PARTITION BY RANGE (orderdate);
CREATE TABLE sales_2011 PARTITION OF sales FOR VALUES FROM ('2011-01-01') TO ('2012-01-01');
CREATE TABLE sales_2012 PARTITION OF sales FOR VALUES FROM ('2012-01-01') TO ('2012-12-31');
CREATE TABLE sales_2013 PARTITION OF sales FOR VALUES FROM ('2013-01-01') TO ('2013-12-31');
CREATE TABLE sales_2014 PARTITION OF sales FOR VALUES FROM ('2014-01-01') TO ('2014-12-31');
CREATE TABLE sales_2015 PARTITION OF sales FOR VALUES FROM ('2015-01-01') TO ('2015-12-31');
CREATE TABLE sales_default PARTITION OF sales DEFAULT;
INSERT INTO sales SELECT salesorderid, line, orderdate, customerid, linetotal FROM sales_history;
INSERT INTO sales SELECT salesorderid, line, orderdate, customerid, linetotal FROM arrivals;
DROP TABLE sales_2011;
