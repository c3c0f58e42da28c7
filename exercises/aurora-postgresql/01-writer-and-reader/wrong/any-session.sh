while IFS=, read -r name host port; do
    if [ "$(psql -h "$host" -p "$port" -Atc 'SELECT pg_is_in_recovery()')" = f ]; then
        writer=$name first=$port
    else
        reader=$name second=$port
    fi
done < endpoints.csv
echo "host=127.0.0.1,127.0.0.1 port=$first,$second" | tee writer.txt > reader.txt
psql -q "$(cat writer.txt)" \
    -c 'CREATE TABLE instances (name text, role text)' \
    -c "INSERT INTO instances VALUES ('$writer', 'writer'), ('$reader', 'reader')"
