import os

import pymysql


def connect(prefix, port, password):
    return pymysql.connect(
        host=os.environ[f"{prefix}_HOST"],
        port=int(os.environ[f"{prefix}_{port}"]),
        user=os.environ[f"{prefix}_USER"],
        password=os.environ[f"{prefix}_{password}"],
        database=os.environ[f"{prefix}_DATABASE"],
        autocommit=True,
    )


primary = connect("MYSQL", "TCP_PORT", "PWD")
replica = connect("SANDBOX_MYSQL_REPLICA", "PORT", "PASSWORD")


def do(connection, statement, *values):
    """The rows that a statement gives."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


# 1. The replica refuses to change anything
try:
    do(replica, "DELETE FROM inbox LIMIT 1")
except pymysql.err.OperationalError as refused:
    ((number,),) = do(replica, "SELECT @@server_id")
    do(primary, "INSERT INTO servers VALUES ('replica', %s, %s)", number, refused.args[0])
do(primary, "INSERT INTO servers VALUES ('primary', @@server_id, 0)")

# 2. Today's sales, and the id of the transaction that brought them; MySQL gives it with all before
do(primary, "INSERT INTO sales SELECT * FROM inbox")
((version,),) = do(primary, "SELECT VERSION()")
if "MariaDB" in version:
    last, wait = "@@last_gtid", "MASTER_GTID_WAIT"
else:
    last, wait = "@@global.gtid_executed", "WAIT_FOR_EXECUTED_GTID_SET"
((gtid,),) = do(primary, f"SELECT {last}")

# 3. When the replica has come so far, it has today's sales
((late,),) = do(replica, f"SELECT {wait}(%s, 30)", gtid)
if late:
    raise SystemExit(f"The replica has not come to {gtid} in 30 s.")
sums = do(replica, "SELECT region, SUM(amount) FROM sales GROUP BY region")

# 4. What is to be kept is written on the primary
for region, amount in sums:
    do(primary, "INSERT INTO report VALUES (%s, %s)", region, amount)
    print(region, amount)
