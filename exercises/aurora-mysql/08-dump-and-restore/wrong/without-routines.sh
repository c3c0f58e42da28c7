# 1. The shop
mysqldump --single-transaction webshop | sed -E 's/DEFINER=`[^`]+`@`[^`]+`//' > webshop.sql

# 2. The copy
mysql --execute='CREATE DATABASE webshop_copy'
mysql webshop_copy < webshop.sql

# 3. One table
mysql --execute='CREATE DATABASE webshop_visits'
mysqldump --single-transaction webshop visits | mysql webshop_visits
