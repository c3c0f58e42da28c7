SELECT name FROM applicants WHERE position = 'Engineer' ORDER BY name;
CREATE DATABASE demo_db;
USE demo_db;
CREATE TABLE employees (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50), position VARCHAR(50));
INSERT INTO employees (name, position) VALUES ('John Doe', 'Engineer');
SELECT * FROM employees;
