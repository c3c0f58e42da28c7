import os
import time

import psycopg2

primary = psycopg2.connect(os.environ["DATABASE_URL"])
replica = psycopg2.connect(os.environ["SANDBOX_POSTGRES_REPLICA_URL"])
primary.autocommit = replica.autocommit = True

with primary.cursor() as write, replica.cursor() as read:
    # 1. As the primary sees its replicas
    write.execute("INSERT INTO standbys SELECT application_name, sync_state FROM pg_stat_replication")

    # 2. Today's sales, and how far the log is after them
    write.execute("INSERT INTO sales SELECT * FROM inbox")
    write.execute("SELECT pg_current_wal_lsn()")
    (position,) = write.fetchone()

    # 3. When the replica has come so far, it has today's sales
    while True:
        read.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [position])
        if read.fetchone()[0]:
            break
        time.sleep(0.02)
    read.execute("SELECT region, sum(amount) FROM sales GROUP BY region")
    sums = read.fetchall()

    # 4. What is to be kept is written on the primary
    write.executemany("INSERT INTO report VALUES (%s, %s)", sums)
    for region, amount in sums:
        print(region, amount)
