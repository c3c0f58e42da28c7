-- 1. Who waits for the session at the root
INSERT INTO incident (waiting_id, blocking_id)
SELECT waiting_pid, blocking_pid FROM sys.innodb_lock_waits
WHERE blocking_pid NOT IN (SELECT waiting_pid FROM sys.innodb_lock_waits);

-- 2. Both of them
SET @root = (SELECT blocking_id FROM incident), @waits = (SELECT waiting_id FROM incident);
KILL @waits;
KILL @root;
