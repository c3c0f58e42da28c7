-- 1. The names of those who applied as Engineer, in the order of the alphabet
SELECT name FROM applicants WHERE position = 'Engineer' ORDER BY name;

-- 2. A database demo_db, and there
CREATE DATABASE demo_db;
\c demo_db

-- 3. A table employees: id (numbers itself, primary key), name, position
CREATE TABLE employees (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name varchar(50),
  position varchar(50)
);

-- 4. John Doe, Engineer, and Jane Doe, Manager
INSERT INTO employees (name, position) VALUES
  ('John Doe', 'Engineer'),
  ('Jane Doe', 'Manager');

-- 5. All employees
SELECT * FROM employees;
