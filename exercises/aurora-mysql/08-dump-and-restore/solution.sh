# 1. The shop without the visits, as of one moment, with the procedure; and in nobody's name
mysqldump --single-transaction --routines --ignore-table=webshop.visits webshop |
  sed -E 's/DEFINER=`[^`]+`@`[^`]+`//' > webshop.sql

# 2. The copy: who restores is the definer
mysql --execute='CREATE DATABASE webshop_copy'
mysql webshop_copy < webshop.sql

# 3. One table
mysql --execute='CREATE DATABASE webshop_visits'
mysqldump --single-transaction webshop visits | mysql webshop_visits
