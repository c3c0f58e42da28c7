-- 1. and 2. The server computes the column whenever a review is written
ALTER TABLE reviews ADD COLUMN search tsvector GENERATED ALWAYS AS (
  setweight(to_tsvector('english', coalesce(title, '')), 'A') ||
  setweight(to_tsvector('english', coalesce(body, '')), 'B')
) STORED;

-- 3. From each word to the reviews that have it
CREATE INDEX reviews_search ON reviews USING gin (search);

-- 4. The best match first
SELECT reviewid, title, round(ts_rank(search, query)::numeric, 3) AS rank
FROM wanted, websearch_to_tsquery('english', wanted.words) AS query, reviews
WHERE search @@ query
ORDER BY ts_rank(search, query) DESC;
