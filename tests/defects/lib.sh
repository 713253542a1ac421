#!/usr/bin/env bash
# What the planted defects share, on top of the fault scenarios' lib.sh: programs of a build with DEFECTS=1, each run
# in a database and a consumer group of its own, and the verdict of px-ledger. Sourced first, never run.
CHAOS_DEADLINE=${CHAOS_DEADLINE:-540}
# shellcheck source=tests/chaos/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../chaos/lib.sh"
grep -qa agg.drop_event "$bin/svc-aggregator" || die "$bin holds the planted defects: make DEFECTS=1"
[ -x "$bin/px-ledger" ] || die "$bin/px-ledger is built"

# --- one run -----------------------------------------------------------------------------------------------

on_topic() { # environment: the topics that everything below is about
    environment=$1
    topic=EVT_LOCAL_PX_$1_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS
    dlq=DLQ_LOCAL_PX_$1_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS
    kafka=(--set "Kafka:BootstrapServers=$KAFKA_BOOTSTRAP" --set "Kafka:EnvironmentName=$1")
}
on_database() { # name: made from the migrated one when it is not there yet
    db=$1
    PG_URL=$server_url/postgres
    [ -n "$(sql "select 1 from pg_database where datname = '$db'")" ] ||
        sql "create database $db template analytics" >>"$work/servers.log"
    PG_URL=$server_url/$db
    connection=${PG_CONNECTION/Database=analytics/Database=$db}
    database=(--set Sql:Dialect=postgresql --set "Sql:ConnectionString=$connection"
        --set "Sql:PasswordFile=$work/postgres/password")
}
aggregate() { # name defects options...: in a consumer group of its own, so that nobody waits for anybody
    local name=$1 defects=$2
    shift 2
    launch "$name" env "PX_DEFECT=$defects" "PX_FAILPOINTS_AT=${failpoints:-}" "$bin/svc-aggregator" "${kafka[@]}" \
        "${database[@]}" "${any_port[@]}" --set "Instance:Id=$name" --set "Kafka:GroupId=$name" "$@"
}
frozen() { grep -q '^State:[[:space:]]*T' "/proc/${pids[$1]}/status"; }
drained() { ended "$1" 60 || die "$1 came to its end ($(tail -n 3 "$work/$1.log"))"; } # name: of --once
whole_log=() # options with which the log is one batch

# --- the verdict ---------------------------------------------------------------------------------------------

judge() { # px-ledger options...
    said=$("$bin/px-ledger" --kafka "$KAFKA_BOOTSTRAP" --topic "$topic" --dlq "$dlq" --sql-dialect postgresql \
        --sql "$connection" --sql-password-file "$work/postgres/password" "$@" 2>&1)
    judged=$?
    said_last=$(tail -n 1 <<<"$said")
}
exact() { # scenario px-ledger-options...
    local scenario=$1
    shift
    judge "$@"
    [ "$judged" -eq 0 ] && [ "$said_last" = 'ledger: exact' ]
    tap $? "$scenario: exact without a defect" "status $judged"$'\n'"$(tail -n 40 <<<"$said")"
}
caught() { # scenario defect class px-ledger-options...
    local scenario=$1 defect=$2 class=$3 line
    shift 3
    judge "$@"
    line=$(grep -m 1 "^VIOLATION $class:" <<<"$said")
    [ "$judged" -eq 1 ] && [ -n "$line" ]
    tap $? "$scenario with $defect: the ledger finds $class" "status $judged"$'\n'"$(head -c 4000 <<<"$said")" || return
    printf '%s\t%s\t%s\t%s\n' "$defect" "$scenario" "$class" "$line" >>"$work/caught"
}
survived() { # scenario defect why px-ledger-options...: a second guard stands behind the one that is gone
    local scenario=$1 defect=$2 why=$3
    shift 3
    judge "$@"
    [ "$judged" -eq 0 ] && [ "$said_last" = 'ledger: exact' ]
    tap $? "$scenario with $defect alone is exact: $why" "status $judged"$'\n'"$(tail -n 40 <<<"$said")"
}

# --- scenarios that several need: each leaves a database behind that the ledger judges ------------------------------

plain() { # name defects: the log, in several transactions
    on_database "$1"
    aggregate "$1" "$2" --once --set Batch:MaxEvents=200
    drained "$1"
}
fenced_or_gone() { gone "${pids[$1]}" || [ "$(metric "$1" px_fenced_total)" = 1 ]; }

# --- the stand and the log ---------------------------------------------------------------------------------------

make_topic() { kafka_sh topic "$work/kafka" "$1" 4 >>"$work/servers.log" 2>&1; }
fill() { # name rate time: traffic into the topic; ${records} that it then holds, NAME.book
    ingest_up "$1"
    ready "$1" 30
    launch "$1-load" "$bin/px-load" --url "127.0.0.1:$(port "$1" server.port)" --rate "$2" --duration "$3" \
        --players 300 --seed "$seed" --prefix "$1" --book "$work/$1.book"
    ended "$1-load" 60
    is "$1: the traffic was answered as expected" "$status" 0
    send TERM "$1"
    ended "$1" 25
    records=$(log_end)
    whole_log=(--set "Batch:MaxEvents=$records" --set Batch:MaxDelay=10s)
    note "$1: the log holds $records records"
}
servers() { # environment...: Kafka with the topics of each, PostgreSQL with a migrated database
    local name making
    kafka_up
    for name; do
        on_topic "$name"
        make_topic "$topic" &
        making=$!
        make_topic "$dlq"
        wait "$making" || die "the topics of $name were made ($(tail -n 3 "$work/servers.log"))"
    done
    partitions=4
    postgres_up
    server_url=${PG_URL%/*}
    connection=$PG_CONNECTION
    migrate
}
