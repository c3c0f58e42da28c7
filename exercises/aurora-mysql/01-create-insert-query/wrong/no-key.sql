SELECT name FROM applicants WHERE position = 'Engineer' ORDER BY name;
CREATE DATABASE demo_db;
USE demo_db;
CREATE TABLE employees (id INT, name VARCHAR(50), position VARCHAR(50));
INSERT INTO employees VALUES (1, 'John Doe', 'Engineer'), (2, 'Jane Doe', 'Manager');
SELECT * FROM employees;
