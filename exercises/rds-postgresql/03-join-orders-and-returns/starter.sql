-- 1. A table returns with its keys


-- 2. Fill it from the feed
select * from returns_feed order by 1, 2;

-- 3. A view sales_by_employee
select employeeid, fullname, sum(totaldue)
from employees join orders using (employeeid)
group by employeeid, fullname;

-- 4. A view frequent_returns

