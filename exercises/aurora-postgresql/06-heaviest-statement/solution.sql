-- 1. The most blocks in all
CREATE TABLE heaviest AS
SELECT queryid, calls, shared_blks_hit + shared_blks_read AS blocks
FROM pg_stat_statements
WHERE userid = 'webshop'::regrole
ORDER BY shared_blks_hit + shared_blks_read DESC
LIMIT 1;

-- The statement reads: select ... from a table where a column = $1. Whoever sees it types the index;
-- this takes the two names from its text, because they differ from attempt to attempt.
SELECT query FROM pg_stat_statements JOIN heaviest USING (queryid) WHERE userid = 'webshop'::regrole;

-- 2. The index that it lacks
DO $$
DECLARE
  words text[];
BEGIN
  SELECT regexp_match(query, 'from (\w+) where (\w+) =') INTO words
  FROM pg_stat_statements JOIN heaviest USING (queryid)
  WHERE userid = 'webshop'::regrole;
  EXECUTE format('CREATE INDEX ON %I (%I)', words[1], words[2]);
END
$$;

-- 3. 100.0 makes it a fraction
CREATE TABLE hit_ratios AS
SELECT queryid, round(100.0 * shared_blks_hit / (shared_blks_hit + shared_blks_read), 1) AS percent
FROM pg_stat_statements
WHERE userid = 'webshop'::regrole AND shared_blks_hit + shared_blks_read > 0;
