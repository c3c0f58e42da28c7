# Two instances: name, host and port of each.
cat endpoints.csv

# 1. Which one is the writer?

# 2. On the writer: a table instances (name, role)

# 3. A connection string for the writer, whichever it is
echo "host=127.0.0.1" > writer.txt

# 4. A connection string for the reader
