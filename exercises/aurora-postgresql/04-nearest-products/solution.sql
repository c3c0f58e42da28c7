-- 1. The number of dimensions belongs to the type
CREATE TABLE products (
  productid int PRIMARY KEY,
  name text NOT NULL,
  price numeric(10, 2) NOT NULL,
  embedding vector(8) NOT NULL
);
INSERT INTO products SELECT productid, name, price, features::vector(8) FROM product_features;

-- 2. The operator class says which distance the index is for
CREATE INDEX products_embedding ON products USING hnsw (embedding vector_cosine_ops);

-- 3. Nearest to the product that is looked at
CREATE TABLE similar_products AS
SELECT other.productid, other.embedding <=> this.embedding AS distance
FROM products AS this JOIN looked_at USING (productid), products AS other
WHERE other.productid <> this.productid
ORDER BY other.embedding <=> this.embedding
LIMIT 5;

-- 4. Nearest among those that somebody would pay for
CREATE TABLE offers AS
SELECT productid
FROM products, request
WHERE price <= request.most
ORDER BY embedding <=> request.features::vector(8)
LIMIT 3;
