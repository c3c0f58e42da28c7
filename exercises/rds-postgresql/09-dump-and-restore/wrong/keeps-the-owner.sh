# 1. The archive
pg_dump --format=custom --file=webshop.dump webshop

# 2. The schema shop, as mine. --schema takes what lies in a schema, so the schema itself is made first
createdb webshop_copy
psql --quiet --dbname=webshop_copy --command='CREATE SCHEMA shop'
pg_restore --dbname=webshop_copy --schema=shop webshop.dump

# 3. One table
createdb webshop_visits
psql --quiet --dbname=webshop_visits --command='CREATE SCHEMA logs'
pg_restore --dbname=webshop_visits --schema=logs --table=visits webshop.dump
