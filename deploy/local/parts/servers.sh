# Log and database of a run: the dev broker and SQLite, or Apache Kafka and PostgreSQL. Sourced by run.sh;
# leaves their addresses in the settings, and `sql` to ask the database by its own client.
export PG_KEEP=1 # what is stored stays for the next run, wherever it lies

topic=EVT_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS
dlq=DLQ_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS

start_dev() {
    rm -f "$dir/broker.env"
    launch devbroker "$bin/px-devbroker" --address-file "$dir/broker.env" \
        --topic "$topic:10" --topic "$dlq:10"
    wait_until 10 devbroker test -s "$dir/broker.env" || give_up "the dev broker did not start" devbroker
    # shellcheck disable=SC1091 # written by the broker just now
    . "$dir/broker.env"
    setting Kafka BootstrapServers "$KAFKA_BOOTSTRAP"
    setting Offsets LogId "$KAFKA_LOG_ID"
    setting Sql Dialect sqlite
    setting Sql ConnectionString "Driver={SQLite3};Database=$dir/analytics.db"
}

# Offsets without the rows they stand for, or rows without their log, would spoil the comparison: both
# servers go on with what they had, or both begin anew.
same_age() {
    local home=''
    [ ! -s "$dir/postgres/home" ] || home=$(cat "$dir/postgres/home")
    if [ -n "$(held "$dir")" ] && ! { [ -n "$home" ] && [ -d "$home/data" ]; }; then
        say "The database of the earlier run is gone: Kafka begins anew too."
        rm -rf "$dir/kafka"
    fi
}

start_stack() {
    local t
    stop_servers # of a run that was killed
    same_age
    [ -z "$why_stopped" ] || give_up ""
    say "Kafka, $brokers broker$([ "$brokers" -eq 1 ] || echo s) (its jars are fetched the first time) ..."
    BROKERS=$brokers bash "$here/real/kafka.sh" start "$dir/kafka" >>"$dir/servers.log" 2>&1 ||
        give_up "Kafka did not start" servers
    [ -z "$why_stopped" ] || give_up ""
    say "PostgreSQL ..."
    bash "$here/real/postgres.sh" start "$dir/postgres" >>"$dir/servers.log" 2>&1 ||
        give_up "PostgreSQL did not start" servers
    # shellcheck disable=SC1091
    . "$dir/kafka/env"
    # shellcheck disable=SC1091
    . "$dir/postgres/env"
    for t in "$topic" "$dlq"; do
        [ -z "$why_stopped" ] || give_up ""
        bash "$here/real/kafka.sh" topic "$dir/kafka" "$t" 10 >>"$dir/servers.log" 2>&1 ||
            give_up "the topic $t could not be made" servers
    done
    [ "$registry" -eq 0 ] || start_registry
    setting Kafka BootstrapServers "$KAFKA_BOOTSTRAP"
    setting Sql Dialect postgresql
    setting Sql ConnectionString "$PG_CONNECTION"
    setting Sql PasswordFile "$dir/postgres/password"
}
# Ids of our schemas are left in schema_ids, for px-ledger.
start_registry() {
    local out
    say "Schema registry (fetched the first time; REGISTRY=0 leaves it out) ..."
    bash "$here/real/registry.sh" start "$dir/registry" >>"$dir/servers.log" 2>&1 ||
        give_up "the schema registry did not start" servers
    # shellcheck disable=SC1091
    . "$dir/registry/env"
    for out in apply plan; do
        PX_SchemaRegistry__Url=$REGISTRY_URL "$bin/svc-ingest" --register-schemas="$out" >"$dir/register.out" 2>>"$dir/servers.log" ||
            give_up "the schemas were not registered; see $dir/register.out" servers
    done
    schema_ids=$(sed -nE 's/.*-value: (event|dlq)\.avsc is schema ([0-9]+),.*/\2/p' "$dir/register.out" | paste -sd ,)
    setting SchemaRegistry Url "$REGISTRY_URL"
}
stop_servers() {
    [ ! -d "$dir/registry" ] || bash "$here/real/registry.sh" stop "$dir/registry" >>"$dir/servers.log" 2>&1
    bash "$here/real/kafka.sh" stop "$dir/kafka" >>"$dir/servers.log" 2>&1
    bash "$here/real/postgres.sh" stop "$dir/postgres" >>"$dir/servers.log" 2>&1
}

sql() { # one value or row from the database, by its own client
    if [ "$mode" = dev ]; then
        sqlite3 -readonly -cmd '.timeout 5000' "$dir/analytics.db" "$1"
    else
        psql -qAt -F '|' "$PG_URL" -c "$1"
    fi
}
