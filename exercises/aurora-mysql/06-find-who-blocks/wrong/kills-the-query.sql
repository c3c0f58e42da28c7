-- Who is there, and what does each one do?
SELECT id, user, command, state, info FROM information_schema.processlist WHERE user LIKE 'shop%' ORDER BY id;

-- 1. Who waits for whom
INSERT INTO incident (waiting_id, blocking_id)
SELECT waiting_pid, blocking_pid FROM sys.innodb_lock_waits;

SELECT * FROM incident;

-- 2. Who blocks and does not wait: end that session
SET @root = (
  SELECT DISTINCT blocking_id FROM incident
  WHERE blocking_id NOT IN (SELECT waiting_id FROM incident)
);
KILL QUERY @root;
