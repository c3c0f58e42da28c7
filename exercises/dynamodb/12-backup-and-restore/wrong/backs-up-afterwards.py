import boto3

resource = boto3.resource("dynamodb")
dynamodb = resource.meta.client

# 2. The newest nightly backup, restored into products_restored
nightly = [
    backup
    for backup in dynamodb.list_backups(TableName="products")["BackupSummaries"]
    if backup["BackupName"].startswith("nightly")
]
newest = max(nightly, key=lambda backup: backup["BackupCreationDateTime"])
dynamodb.restore_table_from_backup(TargetTableName="products_restored", BackupArn=newest["BackupArn"])
dynamodb.get_waiter("table_exists").wait(TableName="products_restored")

# 4. Mend products
products = resource.Table("products")
now = {item["product_id"]: item for item in products.scan()["Items"]}
for item in resource.Table("products_restored").scan()["Items"]:
    there = now.get(item["product_id"])
    if there is None:
        products.put_item(Item=item)
    elif there["price"] == 0:
        products.update_item(
            Key={"product_id": item["product_id"]},
            UpdateExpression="SET price = :p",
            ExpressionAttributeValues={":p": item["price"]},
        )

# 5. Point-in-time recovery
dynamodb.update_continuous_backups(
    TableName="products",
    PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
)

# 1. A backup of products as it is now
dynamodb.create_backup(TableName="products", BackupName="before-repair")
