# 1. Which buckets are there?
aws s3 ls

# 2. For each of them a line: name, objects, bytes.

# 3. The tag state=checked for the largest object of all.
