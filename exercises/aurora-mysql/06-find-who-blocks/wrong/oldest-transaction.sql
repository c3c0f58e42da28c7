-- Who is there, and what does each one do?
SELECT id, user, command, state, info FROM information_schema.processlist WHERE user LIKE 'shop%' ORDER BY id;

-- 1. Who waits for whom
INSERT INTO incident (waiting_id, blocking_id)
SELECT waiting_pid, blocking_pid FROM sys.innodb_lock_waits;

SELECT * FROM incident;

-- 2. Whoever has been at it for the longest time
SET @root = (SELECT trx_mysql_thread_id FROM information_schema.innodb_trx ORDER BY trx_started, trx_id + 0 LIMIT 1);
KILL @root;
