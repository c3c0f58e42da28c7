ALTER TABLE claims ENABLE ROW LEVEL SECURITY;

DO $$
DECLARE
  one record;
BEGIN
  FOR one IN SELECT * FROM staff LOOP
    EXECUTE format('CREATE POLICY %I ON claims TO %I USING (branch = %L)', one.role, one.role, one.branch);
  END LOOP;
END $$;

CREATE POLICY everything ON claims FOR SELECT TO auditor USING (true);
ALTER VIEW open_claims SET (security_invoker = true);
