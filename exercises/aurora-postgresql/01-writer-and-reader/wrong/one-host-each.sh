while IFS=, read -r name host port; do
    if [ "$(psql -h "$host" -p "$port" -Atc 'SELECT pg_is_in_recovery()')" = f ]; then
        writer=$name
        echo "host=$host port=$port" > writer.txt
    else
        reader=$name
        echo "host=$host port=$port" > reader.txt
    fi
done < endpoints.csv
psql -q "$(cat writer.txt)" \
    -c 'CREATE TABLE instances (name text, role text)' \
    -c "INSERT INTO instances VALUES ('$writer', 'writer'), ('$reader', 'reader')"
