# 1. The shop, without the visits
mysqldump --no-data webshop > webshop.sql

# 2. The copy
mysql --execute='CREATE DATABASE webshop_copy'

# 3. The visits
