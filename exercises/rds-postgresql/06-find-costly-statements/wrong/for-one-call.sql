-- 1. The most calls
INSERT INTO loads
SELECT 'calls', queryid FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
WHERE rolname = 'shop_web' ORDER BY calls DESC LIMIT 1;

-- 2. The most rows
INSERT INTO loads
SELECT 'rows', queryid FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
WHERE rolname = 'shop_web' ORDER BY rows DESC LIMIT 1;

-- 3. The most blocks
INSERT INTO loads
SELECT 'blocks', queryid FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
WHERE rolname = 'shop_web' ORDER BY (shared_blks_hit + shared_blks_read) / calls DESC LIMIT 1;

SELECT what, calls, rows, query FROM loads JOIN pg_stat_statements USING (queryid);
