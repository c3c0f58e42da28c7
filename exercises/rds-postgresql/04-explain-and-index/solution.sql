-- 1. Both plans, before: Seq Scan
EXPLAIN SELECT parcelid, sent, status FROM parcels WHERE customerid = 1001 ORDER BY sent DESC LIMIT 10;
EXPLAIN SELECT parcelid, customerid FROM parcels WHERE lower(email) = 'kim.abel@example.com';

-- 2. The customer first, which is compared with =, then the column of the order
CREATE INDEX parcels_by_customer ON parcels (customerid, sent);

-- 3. The expression of the query, not the column
CREATE INDEX parcels_by_email ON parcels (lower(email));

-- What lower(email) looks like is known to the planner only after this
ANALYZE parcels;

-- 4. Both plans, after
EXPLAIN SELECT parcelid, sent, status FROM parcels WHERE customerid = 1001 ORDER BY sent DESC LIMIT 10;
EXPLAIN SELECT parcelid, customerid FROM parcels WHERE lower(email) = 'kim.abel@example.com';
