pg_dump --file shop.sql shop
psql -q -d shop -c "UPDATE sales.customers SET email = 'hidden'"
createdb --template shop shop_test
psql -q -v ON_ERROR_STOP=1 -d sandbox -f shop.sql > /dev/null
