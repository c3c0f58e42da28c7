SHOW TABLES FROM desk;
SHOW GRANTS;

-- 1. The role reporting

-- 2. desk_app

-- 3. anna

-- 4. TLS for both

-- 5. intern
