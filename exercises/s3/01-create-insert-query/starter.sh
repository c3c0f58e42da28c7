# 1. Create the bucket course-data-<account>.
echo "My account is $AWS_ACCOUNT_ID"

# 2. The folders: athena/ processedData/ scriptLocation/ tmpDir/ emr/{input,files,output,logs}/

# 3. Upload the three files to rawData/.

# 4. Look into the bucket delivery-<account>, print the file in it, copy it to processedData/.
aws s3 ls
