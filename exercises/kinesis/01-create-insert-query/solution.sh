aws kinesis create-stream --stream-name customers_stream --shard-count 1
aws kinesis wait stream-exists --stream-name customers_stream

grep -E '^(293|295|297),' fixtures/customers.csv | while read -r customer; do
    aws kinesis put-record \
        --stream-name customers_stream \
        --partition-key customer \
        --data "$customer"
done

aws kinesis describe-stream-summary --stream-name customers_stream

SHARD=$(aws kinesis list-shards --stream-name visits_stream --query 'Shards[0].ShardId' --output text)
ITERATOR=$(aws kinesis get-shard-iterator \
    --stream-name visits_stream \
    --shard-id "$SHARD" \
    --shard-iterator-type TRIM_HORIZON \
    --query ShardIterator --output text)
aws kinesis get-records --shard-iterator "$ITERATOR" --query 'Records[].[Data]' --output text |
    while read -r data; do
        echo "$data" | base64 -d
        echo
    done
