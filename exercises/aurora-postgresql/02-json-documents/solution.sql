-- 1. and 3. The table; customerid is computed whenever a document is written
CREATE TABLE order_documents (
  salesorderid int PRIMARY KEY,
  doc jsonb NOT NULL,
  customerid int GENERATED ALWAYS AS ((doc ->> 'customerid')::int) STORED
);

-- 2. One document for each order, the lines in an array
INSERT INTO order_documents (salesorderid, doc)
SELECT salesorderid,
       jsonb_build_object(
         'customerid', min(customerid),
         'orderdate', min(orderdate),
         'lines', jsonb_agg(
           jsonb_build_object('productid', productid, 'orderqty', orderqty, 'unitprice', unitprice)
           ORDER BY line))
FROM order_lines
GROUP BY salesorderid;

-- 4. jsonb_path_ops: small, and good for @> and for paths
CREATE INDEX order_documents_doc ON order_documents USING gin (doc jsonb_path_ops);
ANALYZE order_documents;

-- 5. Orders with the product that is called back
CREATE TABLE recalled_orders AS
SELECT salesorderid
FROM order_documents, recall
WHERE doc @> jsonb_build_object('lines', jsonb_build_array(jsonb_build_object('productid', recall.productid)));

-- 6. One line with both
CREATE TABLE big_orders AS
SELECT salesorderid
FROM order_documents
WHERE doc @? '$.lines[*] ? (@.orderqty >= 10 && @.unitprice > 100)';
