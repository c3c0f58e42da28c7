-- 1. Asked from anywhere: the server, and the sizes of databases
INSERT INTO findings VALUES ('version', current_setting('server_version'));
INSERT INTO findings
  SELECT 'largest database', datname FROM pg_database
  WHERE datname IN ('north', 'south') ORDER BY pg_database_size(datname) DESC LIMIT 1;

-- 2. Asked in the database itself: its settings and its tables
\c north
INSERT INTO findings VALUES ('work_mem', current_setting('work_mem'));
INSERT INTO findings SELECT 'tables', count(*) FROM pg_tables WHERE schemaname = 'depot';
INSERT INTO findings
  SELECT 'largest', tablename FROM pg_tables WHERE schemaname = 'depot'
  ORDER BY pg_relation_size(format('depot.%I', tablename)) DESC LIMIT 1;

-- 3. The same in south
\c south
INSERT INTO findings VALUES ('work_mem', current_setting('work_mem'));
INSERT INTO findings SELECT 'tables', count(*) FROM pg_tables WHERE schemaname = 'depot';
INSERT INTO findings
  SELECT 'largest', tablename FROM pg_tables WHERE schemaname = 'depot'
  ORDER BY pg_relation_size(format('depot.%I', tablename)) DESC LIMIT 1;
