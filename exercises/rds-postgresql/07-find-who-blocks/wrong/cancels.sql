INSERT INTO incident (waiting_pid, blocking_pid)
SELECT pid, unnest(pg_blocking_pids(pid)) FROM pg_stat_activity;

SELECT pg_cancel_backend(blocking_pid) FROM incident
WHERE blocking_pid NOT IN (SELECT waiting_pid FROM incident);
