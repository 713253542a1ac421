#!/usr/bin/env bash
# The whole platform on this machine, in the foreground: log, database, three services, sample traffic.
# Ctrl-C (or RUN_FOR seconds) ends it in order, compares SQL with what the generator knows, and says so.
#
#   run.sh dev   BIN DIR    px-devbroker (in memory) and SQLite           (make run)
#   run.sh stack BIN DIR    Apache Kafka and PostgreSQL                   (make stack)
#
# Environment: RUN_FOR=seconds (0 = until Ctrl-C), RATE=events/s (0 = no traffic), SEED=number, and the ports
#   INGEST_PORT=8080  API_PORT=8082  INGEST_ADMIN_PORT=9180  AGG_ADMIN_PORT=9181  API_ADMIN_PORT=9182
# DIR holds everything: one log and one pid file per process, `env` with the addresses in use.
# Exit: 0 ended as asked and the sums are equal, 1 they are not, 64 usage, 69 something did not come up,
# 75 an earlier run is still there.
set -u

case $#:${1:-} in
3:dev | 3:stack) ;;
*)
    sed -n '5,6s/^# *//p' "$0" >&2
    exit 64
    ;;
esac
mode=$1 bin=$2
run_for=${RUN_FOR:-0} rate=${RATE:-200} seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
INGEST_PORT=${INGEST_PORT:-8080} API_PORT=${API_PORT:-8082}
INGEST_ADMIN_PORT=${INGEST_ADMIN_PORT:-9180} AGG_ADMIN_PORT=${AGG_ADMIN_PORT:-9181} API_ADMIN_PORT=${API_ADMIN_PORT:-9182}
ports='INGEST_PORT API_PORT INGEST_ADMIN_PORT AGG_ADMIN_PORT API_ADMIN_PORT'

number() { # name value least largest
    [[ $2 =~ ^(0|[1-9][0-9]*)$ && ${#2} -le ${#4} && $2 -ge $3 && $2 -le $4 ]] && return
    echo "$1=$2: give a whole number from $3 to $4" >&2
    exit 64
}
number RUN_FOR "$run_for" 0 31536000
number RATE "$rate" 0 1000000
number SEED "$seed" 0 999999999999999999
for v in $ports; do number "$v" "${!v}" 1 65535; done

# Ctrl-C reaches the whole process group of a terminal. A `make` in it would end as interrupted, however
# well this script ends; so that Ctrl-C reaches only this script, it moves to a group of its own.
in_foreground() { [ -t 0 ] && awk '{sub(/.*\) /, ""); exit !($3 == $6)}' "/proc/$$/stat"; }
if [ -n "${MAKELEVEL:-}" ] && in_foreground; then
    set -m
    MAKELEVEL='' bash "$0" "$@"
    exit
fi

mkdir -p "$3" && dir=$(cd "$3" && pwd) || exit 73
here=$(cd "$(dirname "$0")" && pwd)
started=() # names of what runs, in order of start
why_stopped='' up=no

say() { printf '%s\n' "$*"; }
alive() { # name: does it run, and is it not a zombie?
    [ -s "$dir/$1.pid" ] && grep -q '^State:[[:space:]]*[^ZX]' "/proc/$(cat "$dir/$1.pid")/status" 2>/dev/null
}
left_over() { # name: does it run, and is it really that program and not a later one with its pid?
    alive "$1" && tr '\0' ' ' <"/proc/$(cat "$dir/$1.pid")/cmdline" 2>/dev/null | grep -q -- "$1"
}

# Settings of the run: kept in the file `env` for people (set -a; . build/run/env; set +a), and given to
# each program by group, because a program warns about settings that it does not know.
settings=() # "group PX_Section__Key=value"
setting() { # group key value
    local section=$1
    [ "$1" != Offsets ] || section=Kafka
    settings+=("$1 PX_${section}__$2=$3")
    printf "PX_%s__%s='%s'\n" "$section" "$2" "$3" >>"$dir/env"
}
with() { # groups (a|b), name, command...: launch with the settings of those groups
    local groups=$1 name=$2 line vars=()
    shift 2
    for line in "${settings[@]}"; do
        if [[ ${line%% *} =~ ^($groups)$ ]]; then vars+=("${line#* }"); fi
    done
    launch "$name" env "${vars[@]}" "$@"
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

# Runs whenever this script ends, for whatever reason.
stop_all() {
    local i
    trap '' INT TERM HUP
    trap - EXIT
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do finish "${started[$i]}"; done
    [ "$mode" = dev ] || stop_servers
}
stop_servers() {
    bash "$here/real/kafka.sh" stop "$dir/kafka" >>"$dir/servers.log" 2>&1
    bash "$here/real/postgres.sh" stop "$dir/postgres" >>"$dir/servers.log" 2>&1
}

give_up() { # message [name]: something did not come up, or was not waited for
    if [ "$why_stopped" = asked ] && [ "$up" = no ]; then
        say ""
        say "Stopping before everything was up."
        stop_all
        say "Done."
        exit 0
    fi
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
    if [ -d "$dir/kafka/data" ] && ! { [ -n "$home" ] && [ -d "$home/data" ]; }; then
        say "The database of the earlier run is gone: Kafka begins anew too."
        rm -rf "$dir/kafka"
    fi
}

start_stack() {
    local t
    stop_servers # of a run that was killed
    same_age
    [ -z "$why_stopped" ] || give_up ""
    say "Kafka (its jars are fetched the first time) ..."
    bash "$here/real/kafka.sh" start "$dir/kafka" >>"$dir/servers.log" 2>&1 ||
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
    setting Kafka BootstrapServers "$KAFKA_BOOTSTRAP"
    setting Sql Dialect postgresql
    setting Sql ConnectionString "$PG_CONNECTION"
    setting Sql PasswordFile "$dir/postgres/password"
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
        COALESCE(SUM(counted),0), COALESCE(SUM(repeated),0), COALESCE(SUM(duplicate),0), COALESCE(SUM(conflict),0), COALESCE(SUM(dead_lettered),0),
        COALESCE(SUM(next_offset-first_offset+rewound),0), COALESCE(SUM(counted+repeated+duplicate+conflict+excluded+late+erased+dead_lettered+hole+gap),0)
        FROM partition_ledger" | tr '|' ' '
}
metric() { # url name: sum over the series of one metric
    curl -fsS -m 2 "$1/metrics" 2>/dev/null | awk -v n="$2" 'index($1, n) == 1 && $1 !~ /^#/ {s += $2} END {printf "%.0f", s}'
}
truth() { # member of the generator's truth file
    sqlite3 :memory: "SELECT COALESCE(json_extract(readfile('$dir/truth.json'), '\$.$1'), 0)"
}
truth_sum() { # member of each event type, summed up
    sqlite3 :memory: "SELECT SUM(json_extract(value, '\$.$1')) FROM json_each(readfile('$dir/truth.json'), '\$.types')"
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
    say "  rejected by reason       $(sqlite3 :memory: "SELECT COALESCE(group_concat(key || ' ' || value, ', '), 'none') FROM json_each(readfile('$dir/truth.json'), '\$.refusedByCode')")"
    say "  unavailable (503)        $(truth unavailable)   unknown $(truth unknown)   unanswered $(truth unanswered)"
    say "  counted                  ${delta[4]}   expected $(truth_sum counted)"
    say "  repeats                  ${delta[5]}   expected $(truth_sum repeats)"
    say "  duplicates               ${delta[6]}   expected $(truth_sum duplicates)"
    say "  conflicts                ${delta[7]}   expected $(truth_sum conflicts)"
    say "  dead letters of the log  ${delta[8]}"
    say "  rejects recorded in DLQ  $(metric "$ingest_admin" px_dlq_records_total{outcome=\"stored\"})"
    say "  SUM(daily_metrics)       ${delta[0]}"
    say "  SUM(event_summary)       ${delta[1]}"
    say "  SUM(minute_summary)      ${delta[2]}"
    say "  natural keys in truth    $(truth_sum counted)"
    say "  SUM(total_deposits)      ${delta[3]}   expected $(truth totalDeposits)"
    say "  accounting identity      ${after#* * * * * * * * * }"
    expect() { [ "$2" = "$3" ] || { ok=no; say "  NOT EQUAL: $1: $2 and $3"; }; }
    if [ "$(truth exact)" != 1 ]; then
        # the log may hold requests whose answer was "unknown": the sums have a range, not a value
        say "  some requests have no known fate; counted lies between $(truth_sum counted) and $(truth_sum countedMax)"
        if [ "${delta[0]}" -lt "$(truth_sum counted)" ] || [ "${delta[0]}" -gt "$(truth_sum countedMax)" ]; then
            expect "SUM(daily_metrics), natural keys" "${delta[0]}" "$(truth_sum counted)"
        fi
        expect "SUM(event_summary), SUM(daily_metrics)" "${delta[1]}" "${delta[0]}"
        expect "accounting identity" "${delta[9]}" "${delta[10]}"
        [ "$ok" = yes ]
        return
    fi
    expect "SUM(daily_metrics), natural keys" "${delta[0]}" "$(truth_sum counted)"
    expect "SUM(event_summary), natural keys" "${delta[1]}" "$(truth_sum counted)"
    expect "SUM(minute_summary), natural keys" "${delta[2]}" "$(truth_sum counted)"
    expect "counted" "${delta[4]}" "$(truth_sum counted)"
    expect "repeats" "${delta[5]}" "$(truth_sum repeats)"
    expect "duplicates" "${delta[6]}" "$(truth_sum duplicates)"
    expect "conflicts" "${delta[7]}" "$(truth_sum conflicts)"
    expect "SUM(total_deposits)" "${delta[3]}" "$(truth totalDeposits)"
    expect "accounting identity" "${delta[9]}" "${delta[10]}"
    if [ "$ok" = yes ]; then say "  every sum is equal"; fi
    [ "$ok" = yes ]
}

# --- the run ------------------------------------------------------------------------------------------

for name in px-load svc-metrics-api svc-aggregator svc-ingest devbroker; do
    if left_over "$name"; then
        say "$name of an earlier run is still running: kill $(cat "$dir/$name.pid") ends it (from $dir/$name.pid)" >&2
        exit 75
    fi
done
for v in $ports; do
    if (exec 3<>"/dev/tcp/127.0.0.1/${!v}") 2>/dev/null; then
        say "port ${!v} is taken: choose another one with $v=number, or end what listens there" >&2
        exit 69
    fi
done
trap 'why_stopped=asked' INT TERM HUP
trap stop_all EXIT
rm -f "$dir"/*.log "$dir"/*.out "$dir/truth.json"
: >"$dir/env"

topic=EVT_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS
dlq=DLQ_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS
ingest=http://127.0.0.1:$INGEST_PORT api=http://127.0.0.1:$API_PORT
ingest_admin=http://127.0.0.1:$INGEST_ADMIN_PORT agg_admin=http://127.0.0.1:$AGG_ADMIN_PORT api_admin=http://127.0.0.1:$API_ADMIN_PORT

say "Starting ($mode): everything is kept in $dir"
if [ "$mode" = dev ]; then start_dev; else start_stack; fi

setting Offsets OnNewLog start
with 'Kafka|Offsets|Sql' migrate "$bin/svc-aggregator" --migrate=up
wait "$(cat "$dir/migrate.pid")" || give_up "the database could not be migrated" migrate
before=$(sums)
with 'Kafka' svc-ingest "$bin/svc-ingest" --set "Ingest:Port=$INGEST_PORT" --set "Admin:Port=$INGEST_ADMIN_PORT"
with 'Kafka|Offsets|Sql' svc-aggregator "$bin/svc-aggregator" --set "Admin:Port=$AGG_ADMIN_PORT"
with 'Sql' svc-metrics-api "$bin/svc-metrics-api" --set "Api:Port=$API_PORT" --set "Admin:Port=$API_ADMIN_PORT"
# Ready by its own word: another run's service may answer at the same port.
is_ready() { grep -q '"event.name":"app.ready"' "$dir/$1.log" && http_ok "$2/readyz"; }
for pair in "svc-ingest $ingest_admin" "svc-aggregator $agg_admin" "svc-metrics-api $api_admin"; do
    # shellcheck disable=SC2086 # split on purpose
    set -- $pair
    wait_until 30 "$1" is_ready "$1" "$2" || give_up "$1 did not get ready ($2/readyz)" "$1"
done

up=yes
printf '%s=%s\n' INGEST_URL "$ingest" API_URL "$api" INGEST_ADMIN_URL "$ingest_admin" AGG_ADMIN_URL "$agg_admin" \
    API_ADMIN_URL "$api_admin" >>"$dir/env"
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
    # The same seed again must bring new players, or everything would be a repeat.
    prefix=load$seed
    if [ "$(sql "SELECT COUNT(*) FROM event_summary WHERE banner_tag = '$prefix-b00'")" != 0 ]; then
        prefix=r$(date +%s)
    fi
    load=("$bin/px-load" --url "127.0.0.1:$INGEST_PORT" --prefix "$prefix" --rate "$rate" --seed "$seed" --truth "$dir/truth.json")
    if [ "$run_for" -gt 0 ]; then load+=(--duration "${run_for}s"); fi
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
        if ! alive "$name" && [ "$name" != px-load ] && [ "$name" != migrate ]; then give_up "$name ended by itself" "$name"; fi
    done
    if [ "$elapsed" -ge $((last + 2)) ]; then
        last=$elapsed
        # shellcheck disable=SC2046
        set -- $(minus "$before" "$(sums)")
        printf '  %4d s  acknowledged %-9s folded %-9s counted %-9s lag %-7s\n' "$elapsed" \
            "$(metric "$ingest_admin" px_events_accepted_total)" "${10}" "$5" \
            "$(metric "$agg_admin" px_consumer_lag_messages)"
    fi
    if [ "$run_for" -gt 0 ] && [ "$elapsed" -ge "$run_for" ]; then why_stopped=time; fi
done
trap '' INT TERM HUP

status=0
if [ "$rate" -gt 0 ]; then
    # the generator ends by itself at its duration; otherwise it is asked to, and writes its truth
    if [ "$why_stopped" = time ]; then
        why_stopped=''
        wait_until 30 px-load false # until it is gone
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
