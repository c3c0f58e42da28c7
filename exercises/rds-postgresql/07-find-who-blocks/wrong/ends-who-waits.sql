INSERT INTO incident (waiting_pid, blocking_pid)
SELECT pid, (pg_blocking_pids(pid))[1] FROM pg_stat_activity
WHERE wait_event_type = 'Lock' ORDER BY xact_start LIMIT 1;

SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND usename LIKE 'shop%';
