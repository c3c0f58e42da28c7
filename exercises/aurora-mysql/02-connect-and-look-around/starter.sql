-- You are the user learner, and the database sandbox is in use.
SELECT VERSION(), CURRENT_USER(), @@port;
SHOW DATABASES;
SHOW TABLE STATUS FROM north;

-- 1. The server: version and connections
-- INSERT INTO findings VALUES ('server', 'version', ...);

-- 2. and 3. For north and for south: collation, tables, largest, engine
