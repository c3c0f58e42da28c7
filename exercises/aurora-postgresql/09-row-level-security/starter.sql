-- You are in the database sandbox, as the user learner.
select rep, count(*), sum(amount) from deals group by rep;

-- 1. The groups


-- 2. The users


-- 3. What the groups may do with deals


-- 4. and 5. Which rows they see and write


-- 6. What the auditor sees

