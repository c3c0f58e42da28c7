# 2. A server of my own on the copy
mkdir --mode=700 restored
tar --extract --file=base.tar --directory=restored
mariadbd --defaults-file=my.cnf --datadir="$PWD/restored" --socket="$PWD/restored.sock" 2> restored.log &
own=(--host=localhost --socket="$PWD/restored.sock" --skip-ssl)
until mysql "${own[@]}" --execute='SELECT 1' > answer.log 2>&1; do
  kill -0 $! || { cat restored.log; exit 1; }
  sleep 0.05
done

# 4. The bookings as they were then; those that the live database still has, it knows better
mysqldump "${own[@]}" --single-transaction sandbox bookings > bookings.sql
mysql sandbox < bookings.sql
kill -KILL %1
wait %1 || echo 'my own server has ended'
