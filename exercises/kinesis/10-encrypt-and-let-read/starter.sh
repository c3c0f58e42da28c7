# 1. Encrypt payments with the key alias/aws/kinesis.
aws kinesis describe-stream-summary --stream-name payments

# 2. The user reports.

# 3. Its policy: read payments, and nothing else.
