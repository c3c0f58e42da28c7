for BUCKET in $(aws s3api list-buckets --query 'Buckets[].Name' --output text); do
    # All that is asked for in one listing: a line for each object with size and key.
    aws s3api list-objects-v2 --bucket "$BUCKET" --query 'Contents[].[Size, Key]' --output text > objects.txt
    awk -v bucket="$BUCKET" '{ bytes += $1 } END { print bucket, NR, bytes }' objects.txt
    sed "s/^/$BUCKET\t/" objects.txt >> all.txt
done

read -r BUCKET SIZE KEY < <(sort -t "$(printf '\t')" -k 2 -n -r all.txt | head -n 1)
echo "the largest: $KEY in $BUCKET, $SIZE bytes"
aws s3api put-object-tagging --bucket "$BUCKET" --key "$KEY" \
    --tagging 'TagSet=[{Key=state,Value=checked}]'
