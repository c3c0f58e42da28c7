-- What was counted
SELECT rolname, calls, rows, shared_blks_hit, shared_blks_read, left(query, 60) AS query
FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
ORDER BY total_exec_time DESC LIMIT 10;

-- 1. calls

-- 2. rows

-- 3. blocks

