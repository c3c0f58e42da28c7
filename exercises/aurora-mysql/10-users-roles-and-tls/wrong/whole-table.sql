-- 1. The role: one table, and three columns of another
CREATE ROLE reporting;
GRANT SELECT ON desk.tickets TO reporting;
GRANT SELECT ON desk.clients TO reporting;

-- 2. and 4. The application
CREATE USER desk_app IDENTIFIED BY 'Otter-Bridge-77' REQUIRE SSL;
GRANT SELECT, INSERT, UPDATE ON desk.* TO desk_app;

-- 3. and 4. A person
CREATE USER anna IDENTIFIED BY 'Heron-Lake-42' REQUIRE SSL;
GRANT reporting TO anna;

-- 5. Closed, and kept
ALTER USER intern ACCOUNT LOCK;
