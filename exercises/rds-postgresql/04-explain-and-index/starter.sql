-- 1. Both plans, before
EXPLAIN SELECT parcelid, sent, status FROM parcels WHERE customerid = 1001 ORDER BY sent DESC LIMIT 10;
EXPLAIN SELECT parcelid, customerid FROM parcels WHERE lower(email) = 'kim.abel@example.com';

-- 2. An index for A


-- 3. An index for B


-- 4. Both plans, after

