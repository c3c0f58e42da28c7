# 1. Which account, and as whom?
aws configure list

# 2. The tables of us-east-1

# 3. The key of the table sensors-...

# 4. How many items it has

# 5. The table in eu-west-1
