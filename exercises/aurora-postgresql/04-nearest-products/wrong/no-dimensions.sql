CREATE TABLE products (productid int PRIMARY KEY, name text, price numeric, embedding vector);
INSERT INTO products SELECT productid, name, price, features FROM product_features;
CREATE INDEX ON products USING hnsw (embedding vector_cosine_ops);
CREATE TABLE similar_products AS
SELECT o.productid, o.embedding <=> t.embedding AS distance
FROM products t JOIN looked_at USING (productid), products o WHERE o.productid <> t.productid
ORDER BY distance LIMIT 5;
CREATE TABLE offers AS
SELECT productid FROM products, request WHERE price <= most ORDER BY embedding <=> features::vector LIMIT 3;
