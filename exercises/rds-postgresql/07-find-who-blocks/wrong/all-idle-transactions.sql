INSERT INTO incident (waiting_pid, blocking_pid)
SELECT pid, unnest(pg_blocking_pids(pid)) FROM pg_stat_activity;

SELECT pid, pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE state = 'idle in transaction' AND usename LIKE 'shop%';
