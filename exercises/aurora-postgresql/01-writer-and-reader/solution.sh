hosts='' ports='' values=''
while IFS=, read -r name host port; do
    # 1. Who follows another instance is in recovery
    case $(psql -h "$host" -p "$port" -Atc 'SELECT pg_is_in_recovery()') in
        f) role=writer ;;
        t) role=reader ;;
    esac
    values="$values, ('$name', '$role')"
    hosts="$hosts,$host"
    ports="$ports,$port"
done < endpoints.csv

# 3. and 4. Both hosts, and what the session is for
echo "host=${hosts#,} port=${ports#,} target_session_attrs=read-write" > writer.txt
echo "host=${hosts#,} port=${ports#,} target_session_attrs=standby" > reader.txt

# 2. On the writer
psql -q "$(cat writer.txt)" -v ON_ERROR_STOP=1 <<SQL
CREATE TABLE instances (name text PRIMARY KEY, role text NOT NULL);
INSERT INTO instances VALUES ${values#,};
SQL

# The reader has it a moment later
until psql "$(cat reader.txt)" -c 'TABLE instances' 2> /dev/null; do sleep 0.02; done
