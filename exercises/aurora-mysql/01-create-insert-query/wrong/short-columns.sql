SELECT name FROM applicants WHERE position = 'Engineer' ORDER BY name;
CREATE DATABASE demo_db;
USE demo_db;
CREATE TABLE employees (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(10), position VARCHAR(5));
INSERT INTO employees (name, position) VALUES ('John Doe', 'Engineer'), ('Jane Doe', 'Manager');
SELECT * FROM employees;
