-- 1. The group reporting
create role reporting;

-- 2. The application desk_app


-- 3. anna


-- 4. The tables to come

