createdb --template shop shop_test
psql -q -d shop_test -c "UPDATE sales.customers SET email = 'hidden'"
psql -q -d sandbox -c 'CREATE SCHEMA sales' \
    -c 'CREATE TABLE sales.customers (customerid int, name text, email text)' \
    -c 'CREATE TABLE sales.orders (orderid serial, customerid int, amount numeric(10,2), placed date)'
psql -q -d shop -c 'COPY sales.customers TO STDOUT' | psql -q -d sandbox -c 'COPY sales.customers FROM STDIN'
psql -q -d shop -c 'COPY sales.orders TO STDOUT' | psql -q -d sandbox -c 'COPY sales.orders FROM STDIN'
psql -q -d sandbox -c 'CREATE VIEW sales.totals AS
    SELECT name, sum(amount) AS total FROM sales.customers JOIN sales.orders USING (customerid) GROUP BY name'
