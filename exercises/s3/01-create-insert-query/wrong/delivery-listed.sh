BUCKET=course-data-$AWS_ACCOUNT_ID
DELIVERY=delivery-$AWS_ACCOUNT_ID
aws s3 mb "s3://$BUCKET"
aws s3 ls "s3://$DELIVERY"

for folder in athena processedData scriptLocation tmpDir emr/{input,files,output,logs}; do
    mkdir -p "tree/$folder"
    touch "tree/$folder/.keep"
done
for table in customers employees orders; do
    mkdir -p "tree/rawData/$table"
    cp "fixtures/$table.csv" "tree/rawData/$table/"
done
aws s3 cp tree "s3://$BUCKET" --recursive --no-progress
