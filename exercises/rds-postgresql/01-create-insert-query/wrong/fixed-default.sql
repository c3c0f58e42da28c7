SELECT name FROM applicants WHERE position = 'Engineer' ORDER BY name;
CREATE DATABASE demo_db;
\c demo_db
CREATE TABLE employees (id int PRIMARY KEY DEFAULT 3, name varchar(50), position varchar(50));
INSERT INTO employees VALUES (1,'John Doe','Engineer'),(2,'Jane Doe','Manager');
SELECT * FROM employees;
