SELECT name FROM applicants ORDER BY name;
CREATE DATABASE demo_db;
\c demo_db
CREATE TABLE employees (id serial PRIMARY KEY, name varchar(50), position varchar(50));
INSERT INTO employees (name, position) VALUES ('John Doe', 'Engineer'), ('Jane Doe', 'Manager');
SELECT * FROM employees;
