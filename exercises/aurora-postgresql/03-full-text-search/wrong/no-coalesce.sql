ALTER TABLE reviews ADD COLUMN search tsvector GENERATED ALWAYS AS (
  setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', body), 'B')
) STORED;
CREATE INDEX ON reviews USING gin (search);
SELECT reviewid, title
FROM reviews, wanted, plainto_tsquery('english', words) AS query
WHERE search @@ query ORDER BY ts_rank(search, query) DESC;
