CREATE TABLE order_documents (
  salesorderid int PRIMARY KEY,
  doc jsonb,
  customerid int GENERATED ALWAYS AS ((doc ->> 'customerid')::int) STORED
);
INSERT INTO order_documents (salesorderid, doc)
SELECT salesorderid,
       jsonb_build_object('customerid', min(customerid), 'orderdate', min(orderdate),
         'lines', jsonb_agg(jsonb_build_object('productid', productid, 'orderqty', orderqty, 'unitprice', unitprice)))
FROM order_lines GROUP BY salesorderid;
CREATE INDEX ON order_documents USING gin (doc);
CREATE TABLE recalled_orders AS
SELECT salesorderid FROM order_documents, recall WHERE doc -> 'lines' -> 0 ->> 'productid' = recall.productid::text;
CREATE TABLE big_orders AS
SELECT salesorderid FROM order_documents
WHERE doc @? '$.lines[*] ? (@.orderqty >= 10)' AND doc @? '$.lines[*] ? (@.unitprice > 100)';
