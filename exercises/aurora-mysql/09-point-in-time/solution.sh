# 1. The last transaction before the disaster, in the log since the copy
read -r first _ copied < position.txt
before=$(
  mysql --skip-column-names --batch --execute='SHOW BINARY LOGS' | while read -r file _; do
    [[ $file < $first ]] || mysql --skip-column-names --batch --execute="SHOW BINLOG EVENTS IN '$file'"
  done | awk '/GTID/ { before = last; last = $NF } /MOD\(bookingid/ { print before; exit }'
)
echo "from $copied to $before"

# 2. A server of my own on the copy
mkdir --mode=700 restored
tar --extract --file=base.tar --directory=restored
mariadbd --defaults-file=my.cnf --datadir="$PWD/restored" --socket="$PWD/restored.sock" 2> restored.log &
own=(--host=localhost --socket="$PWD/restored.sock" --skip-ssl)
until mysql "${own[@]}" --execute='SELECT 1' > answer.log 2>&1; do
  kill -0 $! || { cat restored.log; exit 1; }
  sleep 0.05
done

# 3. It does again what the live server did, up to that transaction
mysql "${own[@]}" <<END
SET GLOBAL gtid_slave_pos = '$copied';
CHANGE MASTER TO MASTER_HOST = '$MYSQL_HOST', MASTER_PORT = $MYSQL_TCP_PORT, MASTER_USER = '$MYSQL_USER',
  MASTER_PASSWORD = '$MYSQL_PWD', MASTER_USE_GTID = slave_pos, MASTER_SSL = 0;
START REPLICA UNTIL MASTER_GTID_POS = '$before';
SELECT MASTER_GTID_WAIT('$before', 30) AS late;
END

# 4. The bookings as they were then; those that the live database still has, it knows better
mysqldump "${own[@]}" --single-transaction --no-create-info --insert-ignore sandbox bookings > bookings.sql
mysql sandbox < bookings.sql
kill -KILL %1
wait %1 || echo 'my own server has ended'
