aws kinesis create-stream --stream-name customers_stream --shard-count 1

aws kinesis put-records --stream-name customers_stream --records '[
    {"PartitionKey": "293", "Data": "293,Catherine,Abel,Catherine Abel"},
    {"PartitionKey": "295", "Data": "295,Kim,Abercrombie,Kim Abercrombie"},
    {"PartitionKey": "297", "Data": "297,Humberto,Acevedo,Humberto Acevedo"}
]'

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
