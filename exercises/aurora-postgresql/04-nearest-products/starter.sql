-- You are in the database sandbox, as the user learner.
select productid, name, price, features from product_features limit 3;

-- 1. A table products: productid, name, price, embedding


-- 2. An index for the nearest by cosine distance


-- 3. similar_products: the five nearest to this one
select productid from looked_at;

-- 4. offers: of those that cost no more than most, the three nearest to the request
select features, most from request;

