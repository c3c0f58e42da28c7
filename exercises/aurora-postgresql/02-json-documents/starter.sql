-- You are in the database sandbox, as the user learner.

-- 1. A table order_documents: salesorderid, the primary key, and doc


-- 2. One document for each order
select salesorderid, count(*) as lines from order_lines group by salesorderid limit 5;

-- 3. A column customerid that the server computes from the document


-- 4. An index on the documents for @>


-- 5. recalled_orders: the orders with the product of the table recall
select productid from recall;

-- 6. big_orders: one line with a quantity of 10 or more at a price above 100

