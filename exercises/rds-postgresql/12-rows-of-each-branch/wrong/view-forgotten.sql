-- From now on nobody but the owner sees a row, unless a policy says so
ALTER TABLE claims ENABLE ROW LEVEL SECURITY;

-- 1. and 2. Rows of the branch of whoever asks, to see (USING) and to write (WITH CHECK)
CREATE POLICY own_branch ON claims
  USING (branch = (SELECT s.branch FROM staff s WHERE s.role = current_user))
  WITH CHECK (branch = (SELECT s.branch FROM staff s WHERE s.role = current_user));

-- 3. Another way to see rows, for one role
CREATE POLICY everything ON claims FOR SELECT TO auditor USING (true);
