#!/usr/bin/env bash
# The whole platform on this machine, in the foreground: log, database, three services, sample traffic.
# Ctrl-C (or RUN_FOR seconds) ends it in order, compares SQL with what the generator knows, and says so.
#
#   run.sh dev   BIN DIR    px-devbroker (in memory) and SQLite           (make run)
#   run.sh stack BIN DIR    Apache Kafka and PostgreSQL                   (make stack)
#
# Environment: RUN_FOR=seconds (0 = until Ctrl-C), RATE=events/s (0 = no traffic), SEED=number.
# DIR holds everything: one log and one pid file per process, `env` with the addresses in use.
set -u

mode=$1 bin=$2 dir=$3
here=$(cd "$(dirname "$0")" && pwd)
run_for=${RUN_FOR:-0} rate=${RATE:-200} seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
started=() # names of what runs, in order of start
why_stopped=''

for v in "$run_for" "$rate" "$seed"; do
    case $v in '' | *[!0-9]*)
        echo "RUN_FOR, RATE and SEED are whole numbers, not '$v'" >&2
        exit 64
        ;;
    esac
done

say() { printf '%s\n' "$*"; }
alive() { # name: does it run, and is it not a zombie?
    [ -s "$dir/$1.pid" ] && grep -q '^State:[[:space:]]*[^ZX]' "/proc/$(cat "$dir/$1.pid")/status" 2>/dev/null
}

# Starts a process in a session of its own, so that Ctrl-C reaches only this script.
launch() { # name command...
    local name=$1
    shift
    setsid "$@" >"$dir/$name.out" 2>"$dir/$name.log" </dev/null &
    echo $! >"$dir/$name.pid"
    started+=("$name")
}

finish() { # name [seconds]: SIGTERM, wait, SIGKILL
    local name=$1 limit=${2:-30} i
    alive "$name" || { rm -f "$dir/$name.pid"; return 0; }
    kill "$(cat "$dir/$name.pid")" 2>/dev/null
    for ((i = 0; i < limit * 20; i++)); do
        alive "$name" || break
        sleep 0.05
    done
    if alive "$name"; then
        say "  $name did not end within $limit s; killing it (see $dir/$name.log)"
        kill -9 "$(cat "$dir/$name.pid")" 2>/dev/null
    fi
    rm -f "$dir/$name.pid"
}

stop_all() {
    local i
    trap '' INT TERM
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do finish "${started[$i]}"; done
    if [ "$mode" = stack ]; then
        bash "$here/real/kafka.sh" stop "$dir/kafka" >>"$dir/servers.log" 2>&1
        bash "$here/real/postgres.sh" stop "$dir/postgres" >>"$dir/servers.log" 2>&1
    fi
}

give_up() { # message [name]: something did not come up
    say "" >&2
    say "$1" >&2
    if [ $# -ge 2 ] && [ -s "$dir/$2.log" ]; then
        say "the end of $dir/$2.log:" >&2
        tail -n 5 "$dir/$2.log" >&2
    fi
    stop_all
    exit 69
}

wait_until() { # seconds name command...: until the command succeeds; fails early when the process ended
    local limit=$1 name=$2 i
    shift 2
    for ((i = 0; i < limit * 10; i++)); do
        "$@" && return 0
        alive "$name" || return 1
        [ -z "$why_stopped" ] || return 1
        sleep 0.1
    done
    return 1
}
http_ok() { curl -fsS -m 2 -o /dev/null "$1" 2>/dev/null; }

# --- log and database -----------------------------------------------------------------------------

start_dev() {
    rm -f "$dir/broker.env"
    launch devbroker "$bin/px-devbroker" --address-file "$dir/broker.env" \
        --topic "$topic:10" --topic "$dlq:10"
    wait_until 10 devbroker test -s "$dir/broker.env" || give_up "the dev broker did not start" devbroker
    # shellcheck disable=SC1091 # written by the broker just now
    . "$dir/broker.env"
    {
        echo "PX_Kafka__BootstrapServers=$KAFKA_BOOTSTRAP"
        echo "PX_Kafka__LogId=$KAFKA_LOG_ID"
        echo "PX_Sql__Dialect=sqlite"
        echo "PX_Sql__ConnectionString=Driver={SQLite3};Database=$dir/analytics.db"
    } >>"$dir/env"
}

start_stack() {
    bash "$here/real/kafka.sh" start "$dir/kafka" >>"$dir/servers.log" 2>&1 ||
        give_up "Kafka did not start; see $dir/servers.log"
    bash "$here/real/postgres.sh" start "$dir/postgres" >>"$dir/servers.log" 2>&1 ||
        give_up "PostgreSQL did not start; see $dir/servers.log"
    # shellcheck disable=SC1091
    . "$dir/kafka/env"
    # shellcheck disable=SC1091
    . "$dir/postgres/env"
    bash "$here/real/kafka.sh" topic "$dir/kafka" "$topic" 10 >>"$dir/servers.log" 2>&1 ||
        give_up "the topic could not be created; see $dir/servers.log"
    bash "$here/real/kafka.sh" topic "$dir/kafka" "$dlq" 10 >>"$dir/servers.log" 2>&1 ||
        give_up "the topic could not be created; see $dir/servers.log"
    {
        echo "PX_Kafka__BootstrapServers=$KAFKA_BOOTSTRAP"
        echo "PX_Sql__Dialect=postgresql"
        echo "PX_Sql__ConnectionString=$PG_CONNECTION"
    } >>"$dir/env"
}

sql() { # one value or row from the database, by its own client
    if [ "$mode" = dev ]; then
        sqlite3 -readonly -cmd '.timeout 5000' "$dir/analytics.db" "$1"
    else
        psql -qAt -F '|' "$PG_URL" -c "$1"
    fi
}

# --- what the summary compares ----------------------------------------------------------------------

sums() { # the state of SQL as one line of numbers
    sql "SELECT (SELECT COALESCE(SUM(count),0) FROM daily_metrics), (SELECT COALESCE(SUM(count),0) FROM event_summary),
        (SELECT COALESCE(SUM(count),0) FROM minute_summary), (SELECT COALESCE(SUM(total_deposits),0) FROM players),
        SUM(counted), SUM(repeated), SUM(duplicate), SUM(conflict), SUM(dead_lettered),
        SUM(next_offset-first_offset+rewound), SUM(counted+repeated+duplicate+conflict+excluded+late+erased+dead_lettered+hole+gap)
        FROM partition_ledger" | tr '|' ' '
}
metric() { # url name: sum over the series of one metric
    curl -fsS -m 2 "$1/metrics" 2>/dev/null | awk -v n="$2" 'index($1, n) == 1 && $1 !~ /^#/ {s += $2} END {printf "%.0f", s}'
}
truth() { # json path in the generator's truth file
    sqlite3 :memory: "SELECT COALESCE(json_extract(readfile('$dir/truth.json'), '\$.$1'), 0)"
}

caught_up() { # everything that was acknowledged is folded in
    [ "$(metric "$agg_admin" px_consumer_lag_messages)" = 0 ] && [ "$(folded)" -ge "$(($1 + $(truth acked)))" ]
}
folded() { sums | awk '{print $10 + 0}'; }

minus() { paste -d ' ' <(tr ' ' '\n' <<<"$2") <(tr ' ' '\n' <<<"$1") | awk '{print $1 - $2}' | paste -sd ' '; }

summary() { # sums before: compares what this run added with the truth
    local after delta ok=yes
    after=$(sums)
    # shellcheck disable=SC2206 # split on purpose
    delta=($(minus "$1" "$after"))
    say ""
    say "Summary (seed $seed; SQL numbers are what this run added)"
    say "  requests sent            $(truth requests)"
    say "  acknowledged (200)       $(truth acked)"
    say "  rejected by reason       $(sqlite3 :memory: "SELECT COALESCE(group_concat(key || ' ' || value, ', '), 'none') FROM json_each(readfile('$dir/truth.json'), '\$.rejected')")"
    say "  unavailable or unknown   $(truth unavailable)"
    say "  counted                  ${delta[4]}   expected $(truth counted)"
    say "  repeats                  ${delta[5]}   expected $(truth repeats)"
    say "  duplicates               ${delta[6]}   expected $(truth duplicates)"
    say "  conflicts                ${delta[7]}   expected $(truth conflicts)"
    say "  dead letters of the log  ${delta[8]}"
    say "  rejects recorded in DLQ  $(metric "$ingest_admin" px_dlq_events_total)"
    say "  SUM(daily_metrics)       ${delta[0]}"
    say "  SUM(event_summary)       ${delta[1]}"
    say "  SUM(minute_summary)      ${delta[2]}"
    say "  natural keys in truth    $(truth natural_keys)"
    say "  SUM(total_deposits)      ${delta[3]}   expected $(truth total_deposits)"
    say "  accounting identity      ${after#* * * * * * * * * }"
    expect() { [ "$2" = "$3" ] || { ok=no; say "  NOT EQUAL: $1: $2 and $3"; }; }
    expect "SUM(daily_metrics), natural keys" "${delta[0]}" "$(truth natural_keys)"
    expect "SUM(event_summary), natural keys" "${delta[1]}" "$(truth natural_keys)"
    expect "SUM(minute_summary), natural keys" "${delta[2]}" "$(truth natural_keys)"
    expect "counted" "${delta[4]}" "$(truth counted)"
    expect "repeats" "${delta[5]}" "$(truth repeats)"
    expect "duplicates" "${delta[6]}" "$(truth duplicates)"
    expect "conflicts" "${delta[7]}" "$(truth conflicts)"
    expect "SUM(total_deposits)" "${delta[3]}" "$(truth total_deposits)"
    expect "accounting identity" "${delta[9]}" "${delta[10]}"
    if [ "$ok" = yes ]; then say "  every sum is equal"; fi
    [ "$ok" = yes ]
}

# --- the run ------------------------------------------------------------------------------------------

mkdir -p "$dir"
for name in px-load svc-metrics-api svc-aggregator svc-ingest devbroker; do
    if alive "$name"; then
        say "$name of an earlier run is still running (pid $(cat "$dir/$name.pid"), $dir/$name.pid): stop it first" >&2
        exit 75
    fi
done
trap 'why_stopped=asked' INT TERM
rm -f "$dir"/*.log "$dir"/*.out "$dir/truth.json"
: >"$dir/env"

topic=EVT_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS
dlq=DLQ_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS
ingest=http://127.0.0.1:8080 api=http://127.0.0.1:8082
ingest_admin=http://127.0.0.1:9180 agg_admin=http://127.0.0.1:9181 api_admin=http://127.0.0.1:9182

say "Starting ($mode): everything is kept in $dir"
if [ "$mode" = dev ]; then start_dev; else start_stack; fi
{
    echo "PX_Kafka__OnNewLog=start"
    echo "PX_Shutdown__Delay=0s"
} >>"$dir/env"
set -a
# shellcheck disable=SC1091
. <(sed 's/=\(.*\)$/='"'"'\1'"'"'/' "$dir/env")
set +a

# Each program knows its own options; what it does not know would be a warning in its log.
"$bin/svc-aggregator" --migrate=up >"$dir/migrate.log" 2>&1 || {
    cat "$dir/migrate.log" >&2
    give_up "the database could not be migrated"
}
before=$(sums)
launch svc-ingest "$bin/svc-ingest"
launch svc-aggregator "$bin/svc-aggregator"
launch svc-metrics-api "$bin/svc-metrics-api"
for pair in "svc-ingest $ingest_admin" "svc-aggregator $agg_admin" "svc-metrics-api $api_admin"; do
    # shellcheck disable=SC2086 # split on purpose
    set -- $pair
    wait_until 30 "$1" http_ok "$2/readyz" || give_up "$1 did not get ready ($2/readyz)" "$1"
done

today=$(date -u +%F)
say ""
say "  pixel        $ingest/api/pixel/visit?playerId=ana&bannerTag=spring"
say "  events       POST $ingest/api/events"
say "  conversions  $api/api/metrics/conversion-rates?startDate=$today&endDate=$today"
say "  trend        $api/api/metrics/trends/visit?startDate=$today&endDate=$today&grain=minute"
say "  all          $api/   (description: $api/openapi.json)"
say "  health       $ingest_admin/readyz  $agg_admin/readyz  $api_admin/readyz  (metrics: /metrics)"
say ""
if [ "$rate" -gt 0 ]; then
    load=("$bin/px-load" --url 127.0.0.1:8080 --rate "$rate" --seed "$seed" --truth "$dir/truth.json")
    if [ "$run_for" -gt 0 ]; then load+=(--duration "$run_for"); fi
    launch px-load "${load[@]}"
    say "Sample traffic: $rate events/s, seed $seed."
else
    say "No sample traffic (RATE=0)."
fi
[ "$run_for" -gt 0 ] && say "Ends after $run_for s." || say "Ctrl-C ends it."

begin=$(date +%s)
last=0
while [ -z "$why_stopped" ]; do
    sleep 0.5
    elapsed=$(($(date +%s) - begin))
    for name in "${started[@]}"; do
        if ! alive "$name" && [ "$name" != px-load ]; then give_up "$name ended by itself" "$name"; fi
    done
    if [ "$elapsed" -ge $((last + 2)) ]; then
        last=$elapsed
        # shellcheck disable=SC2046
        set -- $(sums)
        printf '  %4d s  acknowledged %-9s folded %-9s counted %-9s lag %-7s\n' "$elapsed" \
            "$(metric "$ingest_admin" px_events_accepted_total)" "${10:-0}" "${1:-0}" \
            "$(metric "$agg_admin" px_consumer_lag_messages)"
    fi
    if [ "$run_for" -gt 0 ] && [ "$elapsed" -ge "$run_for" ]; then why_stopped=time; fi
done
trap '' INT TERM

status=0
if [ "$rate" -gt 0 ]; then
    # the generator ends by itself at its duration; otherwise it is asked to, and writes its truth
    if [ "$why_stopped" = time ]; then
        wait_until 30 px-load test -s "$dir/truth.json"
    fi
    finish px-load 30
    if [ ! -s "$dir/truth.json" ]; then
        give_up "the generator left no truth file" px-load
    fi
    # shellcheck disable=SC2086
    folded_before=$(set -- $before && echo "${10:-0}")
    why_stopped=''
    wait_until 60 svc-aggregator caught_up "$folded_before" ||
        say "the aggregator has not caught up within 60 s"
    summary "$before" || status=1
fi
say ""
say "Stopping."
stop_all
[ "$status" -eq 0 ] && say "Done." || say "The sums are NOT equal: see $dir."
exit "$status"
