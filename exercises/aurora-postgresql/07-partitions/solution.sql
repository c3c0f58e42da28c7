-- 1. No rows in it, only what all partitions have in common
CREATE TABLE sales (
  salesorderid int NOT NULL,
  line int NOT NULL,
  orderdate date NOT NULL,
  customerid int NOT NULL,
  linetotal numeric(19, 4) NOT NULL,
  PRIMARY KEY (salesorderid, line, orderdate)
) PARTITION BY RANGE (orderdate);

-- 2. The upper bound belongs to the next year
CREATE TABLE sales_2011 PARTITION OF sales FOR VALUES FROM ('2011-01-01') TO ('2012-01-01');
CREATE TABLE sales_2012 PARTITION OF sales FOR VALUES FROM ('2012-01-01') TO ('2013-01-01');
CREATE TABLE sales_2013 PARTITION OF sales FOR VALUES FROM ('2013-01-01') TO ('2014-01-01');
CREATE TABLE sales_2014 PARTITION OF sales FOR VALUES FROM ('2014-01-01') TO ('2015-01-01');
CREATE TABLE sales_other PARTITION OF sales DEFAULT;
INSERT INTO sales SELECT salesorderid, line, orderdate, customerid, linetotal FROM sales_history;

-- 3. The partition first: with rows of 2015 in the default one the server would refuse it
CREATE TABLE sales_2015 PARTITION OF sales FOR VALUES FROM ('2015-01-01') TO ('2016-01-01');
INSERT INTO sales SELECT salesorderid, line, orderdate, customerid, linetotal FROM arrivals;

-- 4. No row is moved
ALTER TABLE sales DETACH PARTITION sales_2011;
