-- 1. The group: into the schema, then one table, and three columns of another
CREATE ROLE reporting NOLOGIN;
GRANT USAGE ON SCHEMA desk TO reporting;
GRANT SELECT ON desk.tickets TO reporting;
GRANT SELECT (clientid, name, city) ON desk.clients TO reporting;

-- 2. The application: the tables, and the sequences that number their rows
CREATE ROLE desk_app NOLOGIN;
GRANT USAGE ON SCHEMA desk TO desk_app;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA desk TO desk_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA desk TO desk_app;

-- 3. A person
CREATE ROLE anna LOGIN PASSWORD 'Heron-Lake-42' CONNECTION LIMIT 3 IN ROLE reporting;

-- 4. What I create here from now on
ALTER DEFAULT PRIVILEGES IN SCHEMA desk GRANT SELECT ON TABLES TO reporting;
ALTER DEFAULT PRIVILEGES IN SCHEMA desk GRANT SELECT, INSERT, UPDATE ON TABLES TO desk_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA desk GRANT USAGE ON SEQUENCES TO desk_app;
