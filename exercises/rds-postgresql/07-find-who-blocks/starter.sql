-- Who is there, and what does each one do?
SELECT pid, usename, application_name, state, wait_event_type, left(query, 60) AS query
FROM pg_stat_activity WHERE usename LIKE 'shop%' ORDER BY xact_start;

-- 1. Note who waits for whom


-- 2. End the root of it all

