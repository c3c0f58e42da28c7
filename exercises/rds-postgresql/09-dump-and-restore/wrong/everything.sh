pg_dump --format=custom --file=webshop.dump webshop
createdb webshop_copy
pg_restore --dbname=webshop_copy --no-owner --no-privileges webshop.dump
createdb webshop_visits
pg_restore --dbname=webshop_visits --no-owner --no-privileges webshop.dump
