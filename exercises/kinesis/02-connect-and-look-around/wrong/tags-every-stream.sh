SUMMARY='StreamDescriptionSummary.[StreamName, OpenShardCount, RetentionPeriodHours]'

for STREAM in $(aws kinesis list-streams --query 'StreamNames[]' --output text); do
    aws kinesis describe-stream-summary --stream-name "$STREAM" --query "$SUMMARY" --output text
    aws kinesis add-tags-to-stream --stream-name "$STREAM" --tags state=checked
done
