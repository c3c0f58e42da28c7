-- 1. Both plans, before: ALL
EXPLAIN SELECT parcelid, sent, status FROM parcels WHERE customerid = 17 ORDER BY sent DESC LIMIT 10;
EXPLAIN SELECT status, COUNT(*) FROM parcels WHERE sent BETWEEN '2014-03-01' AND '2014-05-31' GROUP BY status;

-- 2. The customer first, which is compared with =, then the column of the order
CREATE INDEX parcels_by_customer ON parcels (customerid);

-- 3. The day first, of which a range is wanted, and all else that the query reads
CREATE INDEX parcels_by_day ON parcels (sent, status);

ANALYZE TABLE parcels;

-- 4. Both plans, after
EXPLAIN SELECT parcelid, sent, status FROM parcels WHERE customerid = 17 ORDER BY sent DESC LIMIT 10;
EXPLAIN SELECT status, COUNT(*) FROM parcels WHERE sent BETWEEN '2014-03-01' AND '2014-05-31' GROUP BY status;
