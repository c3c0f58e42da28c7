import os

import psycopg2

primary = psycopg2.connect(os.environ["DATABASE_URL"])
replica = psycopg2.connect(os.environ["SANDBOX_POSTGRES_REPLICA_URL"])
primary.autocommit = replica.autocommit = True

with primary.cursor() as write, replica.cursor() as read:
    # 1. As the primary sees its replicas
    write.execute("INSERT INTO standbys SELECT application_name, sync_state FROM pg_stat_replication")

    # 2. Today's sales
    write.execute("INSERT INTO sales SELECT * FROM inbox")

    # 3. On the replica
    read.execute("SELECT region, sum(amount) FROM sales GROUP BY region")
    sums = read.fetchall()

    # 4. What is to be kept is written on the primary
    write.executemany("INSERT INTO report VALUES (%s, %s)", sums)
    for region, amount in sums:
        print(region, amount)
