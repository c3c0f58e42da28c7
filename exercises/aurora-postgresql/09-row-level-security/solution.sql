-- 1. Groups; the management is a part of the staff
CREATE ROLE sales_staff NOLOGIN;
CREATE ROLE sales_management NOLOGIN IN ROLE sales_staff;

-- 2. Users
CREATE ROLE mitchell LOGIN PASSWORD 'linda-714' IN ROLE sales_staff;
CREATE ROLE blythe LOGIN PASSWORD 'michael-859' IN ROLE sales_staff;
CREATE ROLE kowalczyk LOGIN PASSWORD 'astrid-274' IN ROLE sales_management;
CREATE ROLE auditor LOGIN PASSWORD 'audit-2014';

-- 3. The table, for the staff and so for the management too
GRANT SELECT, INSERT, UPDATE ON deals TO sales_staff;

-- 4. The rows: what is shown, and what may be written
ALTER TABLE deals ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_deals ON deals TO sales_staff
  USING (rep = current_user) WITH CHECK (rep = current_user);

-- 5. Policies are joined by OR
CREATE POLICY all_deals ON deals TO sales_management USING (true) WITH CHECK (true);

-- 6. All rows, some columns
GRANT SELECT (dealid, territory, amount) ON deals TO auditor;
CREATE POLICY audited_deals ON deals FOR SELECT TO auditor USING (true);
