BUCKET=course-data-$AWS_ACCOUNT_ID
DELIVERY=delivery-$AWS_ACCOUNT_ID
aws s3 mb "s3://$BUCKET"

# The whole tree is made here first, and uploaded in one go.
for folder in athena processedData scriptLocation tmpDir emr; do
    mkdir -p "tree/$folder"
    touch "tree/$folder/.keep"
done
for table in customers employees orders; do
    mkdir -p "tree/rawData/$table"
    cp "fixtures/$table.csv" "tree/rawData/$table/"
done
aws s3 cp tree "s3://$BUCKET" --recursive --no-progress

FILE=$(aws s3api list-objects-v2 --bucket "$DELIVERY" --query 'Contents[0].Key' --output text)
aws s3 cp "s3://$DELIVERY/$FILE" -
aws s3 cp "s3://$DELIVERY/$FILE" "s3://$BUCKET/processedData/$FILE" --no-progress
aws s3 ls "s3://$BUCKET" --recursive
