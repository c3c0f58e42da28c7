-- You are in the database sandbox, as the user learner.

-- 1. and 2. A column search in the table reviews, always up to date


-- 3. An index for search @@ ...


-- 4. The reviews with the words of the table wanted, the best match first
select words from wanted;
select reviewid, title from reviews limit 5;
