# 1. Create the stream customers_stream with one shard.

# 2. Put the customers 293, 295 and 297, with the partition key customer.

# 3. Describe the stream.
aws kinesis list-streams

# 4. Read visits_stream from the beginning, decode the data, print the lines.
