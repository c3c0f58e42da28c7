import boto3

dynamodb = boto3.client("dynamodb")

# 1. A backup of products as it is now

# 2. The newest nightly backup, restored into products_restored
for backup in dynamodb.list_backups(TableName="products")["BackupSummaries"]:
    print(backup["BackupName"], backup["BackupCreationDateTime"])

# 3. Time to live of products_restored

# 4. Mend products

# 5. Point-in-time recovery
