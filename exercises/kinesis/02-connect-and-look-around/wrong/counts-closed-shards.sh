for STREAM in $(aws kinesis list-streams --query 'StreamNames[]' --output text); do
    SHARDS=$(aws kinesis list-shards --stream-name "$STREAM" --query 'length(Shards)')
    HOURS=$(aws kinesis describe-stream-summary --stream-name "$STREAM" \
        --query 'StreamDescriptionSummary.RetentionPeriodHours')
    echo "$STREAM $SHARDS $HOURS"
done | tee streams.txt

LONGEST=$(sort -k 3 -n streams.txt | tail -n 1 | cut -d ' ' -f 1)
aws kinesis add-tags-to-stream --stream-name "$LONGEST" --tags state=checked
