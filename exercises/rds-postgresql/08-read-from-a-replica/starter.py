import os

import psycopg2

primary = psycopg2.connect(os.environ["DATABASE_URL"])
primary.autocommit = True
replica = psycopg2.connect(os.environ["SANDBOX_POSTGRES_REPLICA_URL"])
replica.autocommit = True

with primary.cursor() as cursor:
    cursor.execute("SELECT * FROM pg_stat_replication")
    print(cursor.fetchall())

# 1. Note the replica in standbys

# 2. Copy the rows of inbox into sales

# 3. Compute the sums on the replica, with the new sales in them

# 4. Put them into report
