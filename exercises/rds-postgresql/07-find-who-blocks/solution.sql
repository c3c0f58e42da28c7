-- Who is there, and what does each one do?
SELECT pid, usename, application_name, state, wait_event_type, left(query, 60) AS query
FROM pg_stat_activity WHERE usename LIKE 'shop%' ORDER BY xact_start;

-- 1. Who waits for whom
INSERT INTO incident (waiting_pid, blocking_pid)
SELECT pid, unnest(pg_blocking_pids(pid)) FROM pg_stat_activity;

SELECT * FROM incident;

-- 2. Who blocks and does not wait: end that session, and wait up to 5 s until it is gone
SELECT pid, pg_terminate_backend(pid, 5000) AS ended
FROM (
  SELECT DISTINCT blocking_pid AS pid FROM incident
  WHERE blocking_pid NOT IN (SELECT waiting_pid FROM incident)
) AS root;
