-- You own claims, staff and open_claims.
SELECT * FROM staff;

-- 1. and 2. Clerks and the rows of their branch


-- 3. The auditor


-- 4. The view

