# 1. A server of my own on the backup, which reads the archive up to that moment and stays there
mkdir --mode=700 restored
tar --extract --file=base.tar --directory=restored
touch restored/recovery.signal
cat >> restored/postgresql.conf <<END
listen_addresses = ''
unix_socket_directories = '$PWD'
restore_command = 'cp "$PWD/archive/%f" "%p"'
recovery_target_time = '$(cat moment.txt)'
END
pg_ctl start --pgdata=restored --log=restored.log --silent --wait

# 2. The bookings as they were then; those that the live database still has, it knows better
psql --quiet --host="$PWD" --command="\copy bookings to 'bookings.tsv'"
pg_ctl stop --pgdata=restored --mode=immediate --silent
psql --quiet <<'END'
CREATE TEMPORARY TABLE saved (LIKE bookings);
\copy saved from 'bookings.tsv'
DELETE FROM bookings;
INSERT INTO bookings SELECT * FROM saved;
END
