-- You are in the database sandbox, as the user learner.

-- 1. heaviest: queryid, calls, blocks of the statement with the most blocks in all
select calls, left(query, 60) as query from pg_stat_statements where userid = 'webshop'::regrole;


-- 2. The index that it lacks


-- 3. hit_ratios: queryid, percent

