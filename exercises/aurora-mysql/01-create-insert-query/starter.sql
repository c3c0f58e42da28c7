-- You are the user learner, and the database sandbox is in use.

-- 1. The names of those who applied as Engineer, in the order of the alphabet
select name from applicants;

-- 2. A database demo_db, in use


-- 3. A table employees: id (numbers itself, primary key), name, position


-- 4. John Doe, Engineer, and Jane Doe, Manager


-- 5. All employees

