-- You are in the database sandbox, as the user learner.
select extract(year from orderdate) as year, count(*) from sales_history group by 1 order by 1;

-- 1. A table sales, partitioned by range of orderdate


-- 2. Partitions for 2011 to 2014 and for the rest; the rows of sales_history


-- 3. A partition for 2015; the rows of arrivals
select extract(year from orderdate) as year, count(*) from arrivals group by 1 order by 1;

-- 4. 2011 out of sales, as the table sales_2011

