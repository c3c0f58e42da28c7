aws kinesis create-stream --stream-name customers_stream --shard-count 1

grep -E '^(293|295|297),' fixtures/customers.csv | while read -r customer; do
    aws kinesis put-record --stream-name customers_stream --partition-key customer \
        --data "$(echo -n "$customer" | base64)"
done

ITERATOR=$(aws kinesis get-shard-iterator \
    --stream-name visits_stream \
    --shard-id shardId-000000000000 \
    --shard-iterator-type TRIM_HORIZON \
    --query ShardIterator --output text)
aws kinesis get-records --shard-iterator "$ITERATOR" --query 'Records[].[Data]' --output text |
    while read -r data; do
        echo "$data" | base64 -d
        echo
    done
