CREATE TABLE heaviest AS
SELECT queryid, calls, shared_blks_hit + shared_blks_read AS blocks
FROM pg_stat_statements WHERE userid = 'webshop'::regrole
ORDER BY (shared_blks_hit + shared_blks_read) / calls DESC LIMIT 1;
CREATE INDEX ON parcels (note);
CREATE TABLE hit_ratios AS
SELECT queryid, 100.0 * shared_blks_hit / (shared_blks_hit + shared_blks_read) AS percent
FROM pg_stat_statements WHERE userid = 'webshop'::regrole AND shared_blks_hit + shared_blks_read > 0;
