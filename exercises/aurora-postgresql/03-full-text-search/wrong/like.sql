ALTER TABLE reviews ADD COLUMN search tsvector;
UPDATE reviews SET search = to_tsvector('english', concat(title, ' ', body));
CREATE INDEX ON reviews (title);
SELECT reviewid, title
FROM reviews, wanted
WHERE concat(title, ' ', body) ILIKE '%' || split_part(words, ' ', 1) || '%'
  AND concat(title, ' ', body) ILIKE '%' || split_part(words, ' ', 2) || '%';
