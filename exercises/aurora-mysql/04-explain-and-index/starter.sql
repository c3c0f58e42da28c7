-- 1. Both plans, before
EXPLAIN SELECT parcelid, sent, status FROM parcels WHERE customerid = 17 ORDER BY sent DESC LIMIT 10;
EXPLAIN SELECT status, COUNT(*) FROM parcels WHERE sent BETWEEN '2014-03-01' AND '2014-05-31' GROUP BY status;

-- 2. An index for A

-- 3. An index for B

-- 4. Both plans, after
