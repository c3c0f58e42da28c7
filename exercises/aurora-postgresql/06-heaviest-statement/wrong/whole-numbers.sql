CREATE TABLE heaviest AS
SELECT queryid, calls, shared_blks_hit + shared_blks_read AS blocks
FROM pg_stat_statements WHERE userid = 'webshop'::regrole ORDER BY blocks DESC LIMIT 1;
DO $$
DECLARE
  words text[];
BEGIN
  SELECT regexp_match(query, 'from (\w+) where (\w+) =') INTO words
  FROM pg_stat_statements JOIN heaviest USING (queryid) WHERE userid = 'webshop'::regrole;
  EXECUTE format('CREATE INDEX ON %I (%I)', words[1], words[2]);
END
$$;
CREATE TABLE hit_ratios AS
SELECT queryid, shared_blks_hit / (shared_blks_hit + shared_blks_read) * 100 AS percent
FROM pg_stat_statements WHERE userid = 'webshop'::regrole AND shared_blks_hit + shared_blks_read > 0;
