-- 1. The server, and what it allows this account
INSERT INTO findings VALUES ('server', 'version', substring_index(version(), '-', 1));
INSERT INTO findings VALUES ('server', 'connections', @@max_connections);

-- 2. and 3. Both databases at once, where a row for each comes by itself
INSERT INTO findings
  SELECT schema_name, 'collation', default_collation_name FROM information_schema.schemata
  WHERE schema_name IN ('north', 'south');
INSERT INTO findings
  SELECT table_schema, 'tables', count(*) FROM information_schema.tables
  WHERE table_schema IN ('north', 'south') GROUP BY table_schema;
INSERT INTO findings
  SELECT table_schema, 'engine', table_name FROM information_schema.tables
  WHERE table_schema IN ('north', 'south') AND engine <> 'InnoDB';

-- ... and one after the other, where one row out of many is wanted
INSERT INTO findings
  SELECT table_schema, 'largest', table_name FROM information_schema.tables
  WHERE table_schema = 'north' ORDER BY data_length + index_length DESC LIMIT 1;
INSERT INTO findings
  SELECT table_schema, 'largest', table_name FROM information_schema.tables
  WHERE table_schema = 'south' ORDER BY data_length + index_length DESC LIMIT 1;

SELECT * FROM findings;
