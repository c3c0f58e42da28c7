ls
echo "All was well until $(cat moment.txt)"
psql --command='SELECT count(*) FROM bookings'

# 1. A server of your own, recovered to that moment


# 2. The missing bookings, back into the live database

