#!/usr/bin/env bash
# Is the ledger worth believing? Each planted defect of px/defect.h runs in the scenario that shows it, on a
# real Kafka and PostgreSQL, and px-ledger must name it; the same scenario with the same programs and no defect
# must be exact. One log serves most of them: every run applies it to a database of its own. Wants the programs
# of a build with DEFECTS=1 (make defects).
CHAOS_DEADLINE=${CHAOS_DEADLINE:-540}
# shellcheck source=tests/chaos/lib.sh
. "$(dirname "$0")/../chaos/lib.sh"
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

# --- scenarios: each leaves a database behind that the ledger judges --------------------------------------------

plain() { # name defects: the log, in several transactions
    on_database "$1"
    aggregate "$1" "$2" --once --set Batch:MaxEvents=200
    drained "$1"
}
replayed() { # name defects: offsets set back by an operator, and everything read once more
    plain "$1" ''
    sql 'update consumer_offsets set next_offset = 0' >>"$work/servers.log"
    aggregate "$1_again" "$2" --once --set Batch:MaxEvents=200
    drained "$1_again"
}
fenced_or_gone() { gone "${pids[$1]}" || [ "$(metric "$1" px_fenced_total)" = 1 ]; }
overtaken() { # name defects: stopped with the log in hand until somebody else has applied it; dies after its commit
    on_database "$1"
    failpoints='agg.before_fence=stop;agg.after_commit=kill' aggregate "$1" "$2" "${whole_log[@]}"
    need "$1: it stops with the log in hand" within 30 frozen "$1"
    aggregate "$1_heir" '' --once
    drained "$1_heir"
    send CONT "$1"
    need "$1: thawed, it is refused or commits" within 30 fenced_or_gone "$1"
    if running "${pids[$1]}"; then send KILL "$1"; fi
    ended "$1" 10
}
at_commit() { # name defects: stopped before its COMMIT, which will be for the whole log
    on_database "$1"
    [ -z "${through:-}" ] || database+=(--set "Sql:ConnectionString=${connection/Port=$PG_PORT/Port=$through}")
    failpoints='agg.before_commit=stop' aggregate "$1" "$2" --once "${whole_log[@]}"
    need "$1: it stops before COMMIT" within 30 frozen "$1"
}
not_committed() { # name defects: the session dies before COMMIT arrives
    at_commit "$1" "$2"
    is "$1: its session is ended" \
        "$(sql "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity where datname = '$1' and pid <> pg_backend_pid()")" 1
    send CONT "$1"
    drained "$1"
}
recreated() { # name defects environment: like overtaken, and by then the topic is another one of the same name
    on_topic "$3"
    fill "$1_old" 100 1s
    on_database "$1"
    failpoints='agg.before_fence=stop;agg.after_commit=kill' aggregate "$1" "$2" "${whole_log[@]}"
    need "$1: it stops with the old log in hand" within 30 frozen "$1"
    kafka_sh tool "$work/kafka" org.apache.kafka.tools.TopicCommand --bootstrap-server "$KAFKA_BOOTSTRAP" \
        --delete --topic "$topic" >>"$work/servers.log" 2>&1
    need "$1: the topic is made anew" within 60 make_topic "$topic"
    fill "$1_new" 400 1s
    failpoints='agg.before_fence=stop' aggregate "$1_heir" '' --once "${whole_log[@]}"
    need "$1: the next owner has the new log in hand" within 30 frozen "$1_heir"
    send CONT "$1"
    need "$1: thawed, the former owner is refused or commits" within 30 fenced_or_gone "$1"
    if running "${pids[$1]}"; then send KILL "$1"; fi
    ended "$1" 10
    send CONT "$1_heir"
    drained "$1_heir"
}
folded_all() { [ "$(folded)" = "$records" ]; }
committed() { # name defects: COMMIT takes place, its answer is lost
    through=${ports[postgres]} at_commit "$1" "$2"
    tcp postgres down hold
    send CONT "$1"
    need "$1: the transaction is committed" within 30 folded_all
    tcp postgres reset
    tcp postgres down pass
    drained "$1"
}

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

kafka_up
for environment in MAIN LETTER INGEST ANEW AGAIN; do
    on_topic "$environment"
    make_topic "$topic" &
    making=$!
    make_topic "$dlq"
    wait "$making" || die "the topics of $environment were made ($(tail -n 3 "$work/servers.log"))"
done
partitions=4
postgres_up
server_url=${PG_URL%/*}
connection=$PG_CONNECTION
migrate
relay_up postgres "$PG_PORT"

on_topic MAIN
fill main 400 3s
check "the log is more than one batch" [ "$records" -gt 600 ]
book=(--book "$work/main.book")

# --- defects of the aggregator ---------------------------------------------------------------------------------------

plain plain ''
exact plain "${book[@]}"
while read -r defect class; do
    plain "${defect/./_}" "$defect"
    caught plain "$defect" "$class" "${book[@]}"
done <<'ROWS'
agg.drop_event daily_differs
agg.drop_row missing_in_sql
agg.count_twice daily_differs
agg.skip_offset missing_in_sql
agg.offset_only missing_in_sql
agg.no_fence offsets_disagree
ROWS

replayed replayed ''
exact replayed "${book[@]}"
replayed forgotten agg.forget_claims
caught replayed agg.forget_claims daily_differs "${book[@]}"

overtaken overtaken ''
exact overtaken "${book[@]}"
overtaken ignored agg.fence_ignored
caught overtaken agg.fence_ignored offsets_disagree "${book[@]}"
overtaken anybody sql.fence_any_owner
caught overtaken sql.fence_any_owner offsets_disagree "${book[@]}"
overtaken ageless sql.fence_any_epoch
survived overtaken sql.fence_any_epoch "the offsets do not fit either" "${book[@]}"

not_committed refused ''
exact not_committed "${book[@]}"
not_committed assumed sql.assume_committed
caught not_committed sql.assume_committed offset_behind "${book[@]}"
not_committed again sql.commit_again
survived not_committed sql.commit_again "a dead connection is not believed" "${book[@]}"
not_committed believed sql.commit_again,sql.no_alive_check
caught not_committed sql.commit_again,sql.no_alive_check offset_behind "${book[@]}"

committed answered ''
exact committed "${book[@]}"
committed redone agg.assume_lost
survived committed agg.assume_lost "the fence refuses the second time" "${book[@]}"
committed doubled agg.assume_lost,agg.fence_ignored
caught committed agg.assume_lost,agg.fence_ignored offsets_disagree "${book[@]}"

# Offsets fit when the topic was made anew in between; then only the epoch tells.
recreated anew '' ANEW
exact recreated
recreated again_anew sql.fence_any_epoch AGAIN
caught recreated sql.fence_any_epoch phantom_in_sql

# --- dead letters: the defect first, because letters stay ---------------------------------------------------------------

on_topic LETTER
printf 'k%d:no envelope %d\n' 1 1 2 2 3 3 | kcat -P -b "$KAFKA_BOOTSTRAP" -t "$topic" -K : 2>>"$work/servers.log"
plain unwritten agg.no_letter
caught letters agg.no_letter dead_letter_missing --expect-dead 3
plain written ''
exact letters --expect-dead 3

# A letter that says what a later catalog might have cured, for records of a type that was known all the time.
on_topic MAIN
plain condemned agg.condemn_good
caught plain agg.condemn_good dead_letter_phantom "${book[@]}"

# --- defects of ingest: the broker stands still ------------------------------------------------------------------------------

on_topic INGEST
on_database ingest
intents() { grep -c '^i' "$work/$1.book"; }
intended() { [ "$(intents "$1")" -ge "$2" ]; }
frozen_broker() { # name defects options...: traffic that the log cannot take; NAME.book afterwards
    local name=$1 defects=$2 target
    shift 2
    launch "$name" env "PX_DEFECT=$defects" "$bin/svc-ingest" "${kafka[@]}" "${any_port[@]}" --set Ingest:Port=0 "$@"
    ready "$name" 30
    target=127.0.0.1:$(port "$name" server.port)
    kill -STOP "$KAFKA_PID"
    launch "$name-load" "$bin/px-load" --url "$target" --rate 100 --duration 1s --connections 150 --timeout 10s \
        --grace 10s --prefix "$name" --book "$work/$name.book"
    need "$name: requests are sent" within 20 intended "$name" 60
}
log_again() { [ -n "$(log_end)" ]; }
thawed() { # name: the log goes on; the traffic ends; what came of it is applied
    kill -CONT "$KAFKA_PID"
    ended "$1-load" 60
    need "$1: the log answers again" within 30 log_again
    aggregate "$1_agg" '' --once
    drained "$1_agg"
}
killed() { # name defects: ingest dies with requests that the log has not reported
    frozen_broker "$1" "$2"
    within 3 intended "$1" 95
    send KILL "$1"
    ended "$1" 10
    thawed "$1"
}
timed_out() { # name defects: the log reports that it did not store them in time
    frozen_broker "$1" "$2" --set Kafka:MessageTimeout=500ms
    need "$1: every request has its answer" within 30 gone "${pids[$1-load]}"
    thawed "$1"
    send TERM "$1"
    ended "$1" 25
}
at_end "kill -CONT $KAFKA_PID"

killed waits ''
exact killed --book "$work/waits.book"
timed_out tells ''
exact timed_out --book "$work/waits.book" --book "$work/tells.book"
killed early ing.ack_when_queued
caught killed ing.ack_when_queued acked_lost --book "$work/waits.book" --book "$work/tells.book" --book "$work/early.book"
timed_out deaf ing.ack_any_report
# without the book of the run before, whose losses are not this one's
caught timed_out ing.ack_any_report acked_lost --book "$work/waits.book" --book "$work/tells.book" --book "$work/deaf.book"

sed 's/^/# /' "$work/caught"
