-- You are in the database sandbox, as the user learner.
select * from sales limit 3;

-- 1. A view customer_totals: customerid, fullname, orders, total


-- 2. A materialized view month_totals: month, total


-- 3. What it takes to refresh it concurrently


-- 4. The late sales into sales
select count(*) from late_sales;

-- 5. month_totals up to date

