# 1. A copy of the whole database, file by file
createdb --template shop shop_test

# 2. Only in the copy
psql -q -d shop_test -c "UPDATE sales.customers SET email = 'hidden'"

# 3. One schema, with all that belongs to it
pg_dump --schema sales --format custom --file sales.dump shop
pg_restore --exit-on-error --dbname sandbox sales.dump

psql -d sandbox -c "SELECT count(*) AS orders, max(orderid) AS last FROM sales.orders"
