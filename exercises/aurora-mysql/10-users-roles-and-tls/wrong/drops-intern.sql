-- 1. The role: one table, and three columns of another
CREATE ROLE reporting;
GRANT SELECT ON desk.tickets TO reporting;
GRANT SELECT (clientid, name, city) ON desk.clients TO reporting;

-- 2. and 4. The application
CREATE USER desk_app IDENTIFIED BY 'Otter-Bridge-77' REQUIRE SSL;
GRANT SELECT, INSERT, UPDATE ON desk.* TO desk_app;

-- 3. and 4. A person
CREATE USER anna IDENTIFIED BY 'Heron-Lake-42' REQUIRE SSL WITH MAX_USER_CONNECTIONS 3 PASSWORD EXPIRE INTERVAL 90 DAY;

-- 5. Gone
DROP USER intern;
