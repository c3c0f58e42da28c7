# What is there?
psql --dbname=webshop --command='\dt *.*' | grep -E 'shop|logs'

# 1. The archive


# 2. webshop_copy: the schema shop


# 3. webshop_visits: the table logs.visits

