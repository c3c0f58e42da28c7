CREATE TABLE order_documents (salesorderid int PRIMARY KEY, doc jsonb, customerid int);
INSERT INTO order_documents
SELECT salesorderid,
       jsonb_build_object('customerid', min(customerid), 'orderdate', min(orderdate),
         'lines', jsonb_agg(jsonb_build_object('productid', productid, 'orderqty', orderqty, 'unitprice', unitprice))),
       min(customerid)
FROM order_lines GROUP BY salesorderid;
CREATE INDEX ON order_documents ((doc ->> 'orderdate'));
CREATE INDEX ON order_documents (customerid);
CREATE TABLE recalled_orders AS
SELECT salesorderid FROM order_documents, recall
WHERE doc @> jsonb_build_object('lines', jsonb_build_array(jsonb_build_object('productid', recall.productid)));
CREATE TABLE big_orders AS
SELECT salesorderid FROM order_documents WHERE doc @? '$.lines[*] ? (@.orderqty >= 10 && @.unitprice > 100)';
