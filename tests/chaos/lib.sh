#!/usr/bin/env bash
# What the fault scenarios share, on top of the end-to-end tests' lib.sh: a stand of real servers and supervised
# services, traffic with a book, the stamps of a fault and the ledger afterwards. Sourced first, never run.
# It does not know any fault: each scenario brings its own, and heals it (at_end) however it ends.
# README.md describes every function. CHAOS_SEED=n repeats a run's choices; CHAOS_DEADLINE=seconds ends it
# (a script may set deadline before).
CHAOS_TABLE=${CHAOS_TABLE:+$(realpath -m "$CHAOS_TABLE")}
chaos=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/e2e/lib.sh
. "$chaos/../e2e/lib.sh"
export KAFKA_HEAP=${KAFKA_HEAP:--Xmx384m}
seed=${CHAOS_SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$((seed % 32768))
table=${CHAOS_TABLE:-$work/table}
partitions=10 traffics=0 behind=() books=() healers=() supervised=()
ingest_options=() api_options=() # further options of the services of `stand`
declare -A ports=() endless=()
copies_expected='' # 1: the fault makes producers send again what the log may hold, or the scenario does
injected='' healed_ms=0 recovery=none verdict=none
echo "# seed $seed"

under() { [[ $1 =~ ^-?[0-9]+$ ]] && [ "$1" -lt "$2" ]; }   # number bound
over() { [[ $1 =~ ^-?[0-9]+$ ]] && [ "$1" -gt "$2" ]; }    # number bound
now_ms() { echo $(($(date +%s%N) / 1000000)); }
begun_ms=$(now_ms)
note() { # text: a line of the protocol, with the time since the start
    local t=$(($(now_ms) - begun_ms))
    printf '# +%d.%03d s %s\n' $((t / 1000)) $((t % 1000)) "$*"
}

# --- life ------------------------------------------------------------------------------------------------

at_end() { healers=("$*" "${healers[@]}"); } # command as one text: carried out at the end, last one first
chaos_end() {
    local status=$? h name
    trap '' INT TERM HUP
    kill "$watchdog" 2>/dev/null
    for h in "${healers[@]}"; do eval "$h"; done >>"$work/heal.log" 2>&1
    for name in "${supervised[@]}"; do dismiss "$name"; done
    (exit "$status")
    clean_up
}
watch_over() { # pid seconds: the script's own deadline
    local end=$((SECONDS + $2))
    while running "$1" && [ "$SECONDS" -lt "$end" ]; do sleep 0.5; done
    ! running "$1" || { echo "# the scenario's deadline of $2 s has passed" && kill -TERM "$1"; }
}
watch_over $$ "${CHAOS_DEADLINE:-${deadline:-180}}" &
watchdog=$!
trap chaos_end EXIT

# --- supervised services -----------------------------------------------------------------------------------

# Runs in a subshell of its own. Restarts like an init system: after 0.2 s, then twice as long each time up to
# 2 s, from the beginning again after a life of 5 s. Some ends are deliberate: then nobody restarts it.
keep_alive() { # name command...
    local name=$1 child='' stopping='' pause=2 status born i
    shift
    trap 'stopping=1; [ -z "$child" ] || kill -9 "$child" 2>/dev/null' TERM
    trap '' INT HUP
    while [ -z "$stopping" ]; do
        born=$SECONDS
        setsid "$@" >>"$work/$name.out" 2>>"$work/$name.log" </dev/null &
        child=$!
        echo "$child" >"$work/$name.pid.new" && mv "$work/$name.pid.new" "$work/$name.pid"
        [ -z "$stopping" ] || kill -9 "$child"
        status=129
        while [ "$status" -gt 128 ] && running "$child"; do # a signal interrupts wait
            wait "$child"
            status=$?
        done
        wait "$child" 2>/dev/null
        child=''
        case $status in
        64 | 65 | 77 | 78)
            echo "$status" >"$work/$name.halted"
            return
            ;;
        esac
        [ "$((SECONDS - born))" -lt 5 ] || pause=2
        for ((i = 0; i < pause; i++)); do [ -n "$stopping" ] || sleep 0.1; done
        [ "$((pause *= 2))" -le 20 ] || pause=20
        [ -n "$stopping" ] || echo x >>"$work/$name.restarts"
    done
}
supervise() { # name command...
    local name=$1
    : >>"$work/$name.log"
    keep_alive "$@" 2>>"$work/supervisor.log" >&2 &
    supervised+=("$name")
    echo $! >"$work/$name.supervisor"
    within 5 test -s "$work/$name.pid"
    pids[$name]=$(pid_of "$name")
}
pid_of() { # name: of the process that runs now, whoever started it
    if [ -s "$work/$1.pid" ]; then cat "$work/$1.pid"; else echo "${pids[$1]:-}"; fi
}
halted() { [ -s "$work/$1.halted" ]; }                          # name
restarts() { { wc -l <"$work/$1.restarts" || echo 0; } 2>/dev/null; } # name
alive() { running "$(pid_of "$1")"; }                           # name
send() { kill -s "$1" "$(pid_of "$2")" 2>>"$work/kill.log"; }   # signal name
dismiss() { # name: ends it and its supervisor for good
    local s
    s=$(pid_in "$work/$1.supervisor") || return 0
    rm -f "$work/$1.supervisor"
    kill "$s" 2>/dev/null
    within 10 gone "$s" || kill -9 "$s"
    if alive "$1"; then kill -9 "$(pid_of "$1")"; fi
    pids[$1]=$(pid_of "$1")
}

# --- the stand ----------------------------------------------------------------------------------------------

fixed_port() { # name of a variable's key: a free port that no other service of this run was given
    local p
    while p=$(free_port) && [[ " ${ports[*]} " == *" $p "* ]]; do :; done
    ports[$1]=$p
}
start_ingest() { # name options...: supervised, at ports that stay the same
    local name=$1
    shift
    fixed_port "$name" && fixed_port "$name.admin"
    supervise "$name" "$bin/svc-ingest" "${kafka[@]}" --set "Ingest:Port=${ports[$name]}" \
        --set "Admin:Port=${ports[$name.admin]}" --set "Instance:Id=$name" "${ingest_options[@]}" "$@"
}
start_aggregator() { # name options...
    local name=$1
    shift
    fixed_port "$name.admin"
    supervise "$name" "${aggregator[@]}" "${direct[@]}" "${database[@]}" "${behind[@]}" \
        --set "Admin:Port=${ports[$name.admin]}" --set "Instance:Id=$name" "$@"
}
start_api() { # name options...
    local name=$1
    shift
    fixed_port "$name" && fixed_port "$name.admin"
    supervise "$name" "$bin/svc-metrics-api" "${database[@]}" --set "Api:Port=${ports[$name]}" \
        --set "Admin:Port=${ports[$name.admin]}" --set "Instance:Id=$name" "${api_options[@]}" "$@"
}
kafka_up() { # [port]: for the first time or again; ${broker_list} is the way around any relay
    kafka_sh start "$work/kafka" "$@" >>"$work/servers.log" 2>&1 || die "Kafka started ($(tail -n 3 "$work/servers.log"))"
    # shellcheck source=/dev/null
    . "$work/kafka/env"
    broker_list=${KAFKA_DIRECT:-$KAFKA_BOOTSTRAP}
    kafka=(--set "Kafka:BootstrapServers=$KAFKA_BOOTSTRAP") direct=(--set "Kafka:BootstrapServers=$broker_list")
}
servers_up() { # brokers
    local port
    if [ "$1" -gt 1 ]; then export BROKERS=$1; fi
    if [ "${proxied:-}" = kafka ]; then
        port=$(free_port)
        relay_up kafka "$port"
        KAFKA_ADVERTISED=127.0.0.1:${ports[kafka]} kafka_up "$port"
    else
        kafka_up
    fi
    kafka_topics "$partitions"
    postgres_up
    migrate
    if [ "${proxied:-}" = postgres ]; then
        relay_up postgres "$PG_PORT"
        behind=(--set "Sql:ConnectionString=${PG_CONNECTION/Port=$PG_PORT/Port=${ports[postgres]}}")
    fi
}
stand() { # [brokers [ingests [aggregators [aggregator options...]]]]
    local brokers=${1:-1} ingests=${2:-1} aggregators=${3:-1} i name
    shift $(($# < 3 ? $# : 3))
    servers_up "$brokers"
    for ((i = 1; i <= ingests; i++)); do start_ingest "ingest-$i"; done
    for ((i = 1; i <= aggregators; i++)); do start_aggregator "agg-$i" "$@"; done
    start_api api-1
    for name in "${supervised[@]}"; do ready "$name" 60; done
    note "the stand is up"
}
in_sync() { # every partition of our topics has all its copies
    [ "$(kcat -b "$broker_list" -L -J 2>/dev/null | python3 -c '
import json, sys
t = [t for t in json.load(sys.stdin)["topics"] if t["topic"] in sys.argv[1:]]
print(sum(len(p["isrs"]) == len(p["replicas"]) for x in t for p in x["partitions"]))' "$topic" "$dlq")" = $((2 * partitions)) ]
}
readyz() { curl -sS -m 5 -o /dev/null -w '%{http_code}' "http://127.0.0.1:${ports[$1.admin]}/readyz" 2>/dev/null; }
readyz_is() { [ "$(readyz "$1")" = "$2" ]; }   # name status
said() { log_since "$1" "$2" | grep -c "\"message\":\"$3\""; } # service lines event
said_once() { [ "$(said "$@")" = 1 ]; }
loss_said() { # service lines: ingest has said that the log is away or takes nothing, each at most once
    local u r
    u=$(said "$1" "$2" log.unreachable) r=$(said "$1" "$2" log.refuses)
    [ $((u + r)) -ge 1 ] && [ "$u" -le 1 ] && [ "$r" -le 1 ]
}
log_lines() { wc -l <"$work/$1.log"; }         # name: where a fault begins in its log
log_since() { tail -n "+$(($2 + 1))" "$work/$1.log"; } # name lines

# --- the relay that can be disturbed: px-tcp ------------------------------------------------------------------

relay_up() { # name target-port [listen-port]: listens at ${ports[name]}
    local name=$1
    shift
    mkfifo "$work/$name.fifo" || die "a fifo was made"
    launch "$name" "$bin/px-tcp" "$work/$name.fifo" "$@"
    within 10 grep -qs '^listening' "$work/$name.out" || die "the relay $name came up ($(cat "$work/$name.log"))"
    ports[$name]=$(sed -n 's/^listening //p' "$work/$name.out")
}
replied() { [ "$(wc -l <"$work/$1.out")" -gt "$2" ]; } # name lines
tcp() { # name command...: returns when it is in force; what the relay said is in ${tcp_said}
    local name=$1 had
    shift
    had=$(wc -l <"$work/$name.out")
    running "${pids[$name]}" || die "the relay $name still runs"
    echo "$*" >"$work/$name.fifo"
    within 10 replied "$name" "$had"
    tcp_said=$(tail -n 1 "$work/$name.out")
    [[ $tcp_said == ok* ]] || die "the relay $name took the command $* ($tcp_said)"
}

# --- traffic --------------------------------------------------------------------------------------------------

traffic() { # name rate seconds [px-load options]: against ingest-1, or the one that ${via} names; 0 s: until its end
    local name=$1 rate=$2 seconds=$3
    shift 3
    endless[$name]=$((seconds == 0))
    traffics=$((traffics + 1))
    books+=("$work/$name.book")
    launch "$name" "$bin/px-load" --url "127.0.0.1:${ports[${via:-ingest-1}]}" --rate "$rate" \
        --duration "${seconds}s" --seed $((seed + traffics)) --prefix "$name-$seed" --retry \
        --book "$work/$name.book" --truth "$work/$name.truth" "$@"
}
traffic_end() { # name: waits for its end, or asks for it; every answer must be one that a correct ingest gives
    [ "${endless[$1]}" -eq 0 ] || send TERM "$1"
    ended "$1" 120 || die "$1 came to its end"
    note "$1: $(head -n 1 "$work/$1.out")"
    [ -s "$work/$1.truth" ] || die "$1 left its books ($(tail -n 3 "$work/$1.log"))"
    is "$1: no answer was a wrong one" "$(truth "$1" unexpected)" 0
}
outcomes() { # name class [status]: how many outcomes of that class stand in its book
    awk -F '\t' -v c="$2" -v s="${3:-}" '$1 == "o" && $4 == c && (s == "" || $5 == s) {n++} END {print n + 0}' "$work/$1.book"
}
codes() { # name [number]: how often each error code was answered, from that outcome on
    awk -F '\t' -v from="${2:-0}" '$1 == "o" && $8 != "-" && ++n > from {c[$8]++} END {for (k in c) print k, c[k]}' "$work/$1.book" | sort
}
latency() { # name percent [from-us [code]]: of the answers 200, or of those with such a code (a|b), in ms
    awk -F '\t' -v from="${3:-0}" -v code="${4:-}" '
        $1 == "i" { t[$2] = $3 }
        $1 == "o" && t[$2] >= from && (code == "" ? $4 == "ok" : $8 ~ "^(" code ")$") { print int(($3 - t[$2]) / 1000) }' \
        "$work/$1.book" | sort -n | awk -v p="$2" '{v[NR] = $1} END {print NR ? v[int((NR - 1) * p / 100) + 1] : "none"}'
}
now_us() { echo $(($(date +%s%N) / 1000)); }
more_outcomes() { [ "$(outcomes "$2" "$3" "${4:-}")" -gt "$1" ]; } # number name class [status]

# --- the fault ------------------------------------------------------------------------------------------------

busy() { echo $(($(outcomes "$1" no 503) + $(outcomes "$1" maybe 503))); } # traffic: 503s so far, of any kind
busy_over() { over "$(busy "$2")" "$1"; }                                 # number traffic
count_of() { codes "$1" | awk -v c="$2" '$1 == c {n = $2} END {print n + 0}'; } # traffic code
count_over() { over "$(count_of "$2" "$3")" "$1"; }                          # number traffic code

inject() { # text: call it, then do it
    injected=$1
    recovery=none
    note "inject: $1"
}
heal() { # text: do it, then call this
    healed_ms=$(now_ms)
    note "heal: $1"
}
recovered() { # seconds command...: waits for the condition; the time since the heal is the recovery
    local limit=$1
    shift
    if within "$limit" "$@"; then
        recovery=$(($(now_ms) - healed_ms))
        note "recovered after $recovery ms"
        tap 0 "recovered within $limit s: $*"
    else
        recovery=never
        tap 1 "recovered within $limit s: $*"
    fi
}
grew() { # number command...
    local before=$1 now
    shift
    now=$("$@")
    [[ $now =~ ^[0-9]+$ ]] && [ "$now" -gt "$before" ]
}
progress() { # name command...: what the fault does not hit moves on: the number that it prints grows
    local name=$1 before
    shift
    before=$("$@")
    [[ $before =~ ^[0-9]+$ ]] || before=0
    within 30 grew "$before" "$@"
    tap $? "progress during the fault: $name" "still at $before after 30 s"
}

# --- afterwards ------------------------------------------------------------------------------------------------

log_end() { # records that all partitions of the log have ever had; nothing when a broker does not answer
    local p asks=()
    for ((p = 0; p < partitions; p++)); do asks+=(-t "$topic:$p:-1"); done
    timeout 20 kcat -b "$broker_list" -Q "${asks[@]}" 2>/dev/null |
        awk -v want="$partitions" '/ offset [0-9]+$/ {s += $NF; n++} END {if (n == want) printf "%.0f", s}'
}
sql_end() { sql "select coalesce(sum(next_offset), 0) from consumer_offsets where topic = '$topic'"; }
level() { # SQL has the end of the log, and so it was a second or more ago
    local end at
    end=$(log_end) at=$(sql_end)
    if [ -z "$end" ] || [ "$end" != "$at" ]; then
        level_at=''
        return 1
    fi
    [ "${level_at:-}" = "$end" ] || { level_at=$end level_since=$(now_ms) && return 1; }
    [ $(($(now_ms) - level_since)) -ge 1000 ]
}
settled() { # [seconds]: lag 0 twice
    level_at=''
    within "${1:-60}" level
    tap $? "SQL has all of the log, twice" "log $(log_end), SQL $(sql_end)" || return 1
    note "settled at $(log_end) records"
}
ask_ledger() { # [px-ledger option...]: over all books; what it says is in ${ledger_said}
    local book args=()
    for book in "${books[@]}"; do args+=(--book "$book"); done
    ledger_said=$("$bin/px-ledger" --kafka "$broker_list" --topic "$topic" --dlq "$dlq" \
        --sql-dialect postgresql --sql "$PG_CONNECTION" --sql-password-file "$work/postgres/password" \
        --api "127.0.0.1:${ports[api-1]}" "${args[@]}" "$@" 2>&1)
}
ledger() { # [px-ledger option...]: it must be exact; ${copies}: how many records of the log repeat an event id
    local status
    ask_ledger "$@"
    status=$?
    verdict=$(sed -n 's/^ledger: //p' <<<"$ledger_said" | tail -n 1)
    verdict=${verdict:-status $status}
    copies=$(sed -nE 's/^copies: ([0-9]+) .*/\1/p' <<<"$ledger_said")
    verdict+=${copies:+, $copies copies in the log}
    note "ledger: $verdict"
    tap "$((status != 0))" "the ledger is exact" "$(tail -n 40 <<<"$ledger_said")"
    [ -n "$copies_expected" ] || is "no record is in the log twice" "${copies:-0}" 0
}
row() { # number fault goal-seconds: one line of the table, and whether the goal was kept
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$injected" "$recovery" "$3" "$verdict" >>"$table"
    [[ $recovery =~ ^[0-9]+$ ]] && [ "$recovery" -le $(($3 * 1000)) ]
    tap $? "row $1: recovered within the goal of $3 s" "recovery: $recovery ms"
}
