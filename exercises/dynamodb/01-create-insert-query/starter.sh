# 1. Create the table UserData with the key UserID, a number, on-demand.

# 2. Put the user 12345, John Doe, johndoe@example.com.

# 3. Get the user back.
aws dynamodb list-tables

# 4. Query customers_sk: customer 295, from 2014-05-01 on, the newest first.
