ALTER TABLE reviews ADD COLUMN search tsvector GENERATED ALWAYS AS (
  to_tsvector('english', title || ' ' || coalesce(body, ''))
) STORED;
CREATE INDEX ON reviews USING gin (search);
SELECT reviewid, title
FROM reviews, wanted, plainto_tsquery('english', words) AS query
WHERE search @@ query ORDER BY ts_rank(search, query) DESC;
