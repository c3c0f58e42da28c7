# 1. The shop without the visits
mysqldump --single-transaction --routines --ignore-table=webshop.visits webshop > webshop.sql

# 2. The copy
mysql --execute='CREATE DATABASE webshop_copy'
mysql webshop_copy < webshop.sql

# 3. One table
mysql --execute='CREATE DATABASE webshop_visits'
mysqldump --single-transaction webshop visits | mysql webshop_visits
