SUMMARY='StreamDescriptionSummary.[StreamName, OpenShardCount, RetentionPeriodHours]'

for STREAM in $(aws kinesis list-streams --query 'StreamNames[]' --output text); do
    aws kinesis describe-stream-summary --stream-name "$STREAM" --query "$SUMMARY" --output text
done | tee streams.txt

aws kinesis add-tags-to-stream --stream-name "$(head -n 1 streams.txt | cut -f 1)" --tags state=checked
