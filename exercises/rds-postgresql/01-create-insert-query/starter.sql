-- You are in the database sandbox, as the user learner.

-- 1. The names of those who applied as Engineer, in the order of the alphabet
select name from applicants;

-- 2. A database demo_db, and there


-- 3. A table employees: id (numbers itself, primary key), name, position


-- 4. John Doe, Engineer, and Jane Doe, Manager


-- 5. All employees

