-- Who is there, and what does each one do?
SHOW PROCESSLIST;
SELECT trx_mysql_thread_id, trx_state, trx_started, trx_query FROM information_schema.innodb_trx;

-- 1. Who waits for whom?
-- INSERT INTO incident (waiting_id, blocking_id) ...

-- 2. End the one at the root
