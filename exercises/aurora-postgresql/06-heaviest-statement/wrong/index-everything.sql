CREATE TABLE heaviest AS
SELECT queryid, calls, shared_blks_hit + shared_blks_read AS blocks
FROM pg_stat_statements WHERE userid = 'webshop'::regrole ORDER BY calls DESC LIMIT 1;
CREATE INDEX ON parcels (tracking);
CREATE INDEX ON returns (voucher);
CREATE INDEX ON visits (session);
CREATE TABLE hit_ratios AS
SELECT queryid, 100.0 * shared_blks_hit / nullif(shared_blks_hit + shared_blks_read, 0) AS percent
FROM pg_stat_statements WHERE userid = 'webshop'::regrole AND shared_blks_hit + shared_blks_read > 0;
