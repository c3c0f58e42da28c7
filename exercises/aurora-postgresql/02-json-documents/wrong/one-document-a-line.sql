CREATE TABLE order_documents (
  salesorderid int PRIMARY KEY,
  doc jsonb,
  customerid int GENERATED ALWAYS AS ((doc ->> 'customerid')::int) STORED
);
INSERT INTO order_documents (salesorderid, doc)
SELECT salesorderid,
       jsonb_build_object('customerid', customerid, 'orderdate', orderdate,
         'lines', jsonb_build_array(
           jsonb_build_object('productid', productid, 'orderqty', orderqty, 'unitprice', unitprice)))
FROM order_lines
ON CONFLICT DO NOTHING;
CREATE INDEX ON order_documents USING gin (doc);
CREATE TABLE recalled_orders AS
SELECT salesorderid FROM order_documents, recall
WHERE doc @> jsonb_build_object('lines', jsonb_build_array(jsonb_build_object('productid', recall.productid)));
CREATE TABLE big_orders AS
SELECT salesorderid FROM order_documents WHERE doc @? '$.lines[*] ? (@.orderqty >= 10 && @.unitprice > 100)';
