EXPLAIN SELECT parcelid, sent, status FROM parcels WHERE customerid = 1001 ORDER BY sent DESC LIMIT 10;
EXPLAIN SELECT parcelid, customerid FROM parcels WHERE lower(email) = 'kim.abel@example.com';
SET enable_seqscan = off;
EXPLAIN SELECT parcelid, sent, status FROM parcels WHERE customerid = 1001 ORDER BY sent DESC LIMIT 10;
EXPLAIN SELECT parcelid, customerid FROM parcels WHERE lower(email) = 'kim.abel@example.com';
