-- You are in the database sandbox.
-- 1. version, and which of north and south is the larger database
select version();
\l

-- 2. In north: work_mem, tables, largest
\c north
\dt depot.*

-- 3. The same in south

