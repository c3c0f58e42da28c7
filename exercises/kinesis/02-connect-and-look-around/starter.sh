# 1. Which streams are there?
aws kinesis list-streams

# 2. For each of them a line: name, open shards, hours of retention.

# 3. The tag state=checked for the one that keeps its records longest.
