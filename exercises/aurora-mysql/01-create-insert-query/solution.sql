-- 1. The names of those who applied as Engineer, in the order of the alphabet
SELECT name FROM applicants WHERE position = 'Engineer' ORDER BY name;

-- 2. A database demo_db, in use
CREATE DATABASE demo_db;
USE demo_db;

-- 3. A table employees: id (numbers itself, primary key), name, position
CREATE TABLE employees (
  id INT AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(50),
  position VARCHAR(50)
);

-- 4. John Doe, Engineer, and Jane Doe, Manager
INSERT INTO employees (name, position) VALUES
  ('John Doe', 'Engineer'),
  ('Jane Doe', 'Manager');

-- 5. All employees
SELECT * FROM employees;
