# You are connected as the user learner; PGDATABASE is sandbox.
psql -d shop -c '\dt *.*' -c 'select * from sales.customers limit 3' | head -20

# 1. Clone shop as shop_test.

# 2. Hide the addresses in shop_test.

# 3. Dump the schema sales of shop, and restore it into sandbox.
