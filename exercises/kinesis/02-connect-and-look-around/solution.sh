SUMMARY='StreamDescriptionSummary.[StreamName, OpenShardCount, RetentionPeriodHours]'

for STREAM in $(aws kinesis list-streams --query 'StreamNames[]' --output text); do
    aws kinesis describe-stream-summary --stream-name "$STREAM" --query "$SUMMARY" --output text
done | tee streams.txt

LONGEST=$(sort -k 3 -n streams.txt | tail -n 1 | cut -f 1)
aws kinesis add-tags-to-stream --stream-name "$LONGEST" --tags state=checked
