#!/usr/bin/env bash
# How the platform scales on this machine, and that it stays exact while it does. Real Kafka, real PostgreSQL,
# ten partitions; every figure is measured by this run. TAP lines for what must hold, `#` lines for what was measured.
#   tests/scaling/run.sh [PART...]     none = all
#     steps       1, 2, 4, 2, 1 aggregators, added and removed under load of several ingests
#     drain       a backlog, applied to fresh databases by 1, 2 and 4 aggregators
#     partitions  ten become fourteen under load, and players move
#     growth      what an event costs when 10^5, 10^6 ... are stored already (bench_aggregate)
#     knee        the highest rate that still holds, in steps of a tenth
#   RATE=500 events/s and INGESTS=2, BACKLOG=200000 events of drain, EVENTS=1000000 of growth (BENCH_DIALECT=postgresql
#   leaves SQLite out), KNEE_FROM=4000 events/s and KNEE_FOR=20 seconds a step, BROKERS=1|3
set -u
parts=("$@")
[ $# -gt 0 ] || parts=(steps drain partitions growth knee)
for part in "${parts[@]}"; do
    case $part in
    steps | drain | partitions | growth | knee) ;;
    *) echo "$part: there are: steps drain partitions growth knee" >&2 && exit 64 ;;
    esac
done
rate=${RATE:-500} ingests=${INGESTS:-2} backlog=${BACKLOG:-200000} events=${EVENTS:-1000000}
knee_from=${KNEE_FROM:-4000} knee_for=${KNEE_FOR:-20}
for v in rate:1:20000 ingests:1:8 backlog:1000:10000000 events:100000:100000000 \
    knee_from:100:50000 knee_for:5:600; do
    IFS=: read -r name least most <<<"$v"
    if [[ ! ${!name} =~ ^[1-9][0-9]{0,8}$ ]] || [ "${!name}" -lt "$least" ] || [ "${!name}" -gt "$most" ]; then
        echo "${name^^}=${!name}: give a whole number from $least to $most" >&2
        exit 64
    fi
done
bench=$(realpath "${BENCH_DIR:-build/release/bench}")/bench_aggregate
export KAFKA_JVM=-XX:+UseG1GC # as it is in use, not as short tests have it
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

note() { printf '# %s\n' "$*"; }
quiet_note() { note "$1: load average $(cut -d ' ' -f 1 /proc/loadavg) at the start, $(nproc) cores shared by everything"; }
ticks() { # pid: CPU time in ticks
    sed 's/(.*)/x/' "/proc/$1/stat" 2>/dev/null | awk '{print $14 + $15}'
}
postgres_ticks() { # of the main process, those that serve, and those that have ended
    cat /proc/[0-9]*/stat 2>/dev/null | sed 's/(.*)/x/' |
        awk -v p="$PG_PID" '$1 == p {t += $14 + $15 + $16 + $17} $4 == p {t += $14 + $15} END {print t + 0}'
}
per_event() { awk -v t="$1" -v n="$2" -v hz="$(getconf CLK_TCK)" 'BEGIN {printf "%.1f", t / hz * 1e6 / n}'; } # ticks events
now_ms() { date +%s%3N; }

books=() partitions=10
traffic_up() { # name rate options...
    local name=$1 k urls=()
    for ((k = 1; k <= ingests; k++)); do urls+=(--url "127.0.0.1:$(port "ingest-$k" server.port)"); done
    launch "$name" "$bin/px-load" "${urls[@]}" --rate "$2" --prefix "$name" --book "$work/$name.book" "${@:3}"
    books+=(--book "$work/$name.book")
}
exact() { # name connection-string: px-ledger over the whole log, that database and all books
    "$bin/px-ledger" --kafka "$KAFKA_BOOTSTRAP" --topic "$topic" --dlq "$dlq" --sql-dialect postgresql --sql "$2" \
        --sql-password-file "$work/postgres/password" "${books[@]}" --wait 120 >ledger.txt 2>&1
    tap $? "$1: px-ledger finds every event counted once" "$(tail -n 30 ledger.txt)"
    note "$(tail -n 1 ledger.txt)"
}
stand() { # servers, topics, ingests: once for all parts that need them
    local k
    [ -z "${KAFKA_BOOTSTRAP:-}" ] || return 0
    kafka_up
    kafka_topics $partitions
    postgres_up
    migrate
    for ((k = 1; k <= ingests; k++)); do ingest_up "ingest-$k"; done
    for ((k = 1; k <= ingests; k++)); do ready "ingest-$k" 60; done
}

# --- steps -----------------------------------------------------------------------------------------------

owned() { # aggregators: how many partitions each has
    local k
    for ((k = 1; k <= $1; k++)); do printf '%s\n' "$(metric "agg-$k" px_consumer_partitions)"; done
}
spread() { # aggregators: every partition has an owner, and nobody has two more than another
    owned "$1" | awk -v all="$partitions" '{s += $1; if (NR == 1 || $1 > most) most = $1; if (NR == 1 || $1 < least) least = $1}
        END {exit !(s == all && most - least <= 1)}'
}
folded_past() { [ "$(folded)" -ge "$1" ]; }
applied() { # aggregators: events that each has committed since its start
    local k
    for ((k = 1; k <= $1; k++)); do printf '%s\n' "$(metric "agg-$k" px_applied_events_total)"; done
}
resize() { # from to
    local k began
    began=$(now_ms)
    for ((k = $1 + 1; k <= $2; k++)); do aggregator_up "agg-$k"; done
    for ((k = $1 + 1; k <= $2; k++)); do ready "agg-$k" 60; done
    for ((k = $1; k > $2; k--)); do send TERM "agg-$k"; done
    for ((k = $1; k > $2; k--)); do ended "agg-$k" 40 && is "agg-$k left when it was asked to" "$status" 0; done
    [ "$2" -eq 0 ] || check "$1 -> $2 aggregators: $partitions partitions, spread evenly" within 60 spread "$2"
    took=$(($(now_ms) - began))
}
phase() { # aggregators: five seconds' worth of events, and who applied them
    local before after from
    mapfile -t before < <(applied "$1")
    from=$(folded)
    check "$1 aggregators keep up with $rate events/s" within 60 folded_past $((from + 5 * rate))
    mapfile -t after < <(applied "$1")
    note "$(printf '%d aggregators: spread even after %d ms; partitions %s; events of a phase %s' "$1" "$took" "$(owned "$1" | paste -sd ' ')" \
        "$(paste <(printf '%s\n' "${after[@]}") <(printf '%s\n' "${before[@]}") | awk '{print $1 - $2}' | paste -sd ' ')")"
}
steps() {
    local from=0 n
    quiet_note steps
    stand
    traffic_up steps "$rate"
    for n in 1 2 4 2 1; do
        resize "$from" "$n"
        phase "$n"
        from=$n
    done
    send TERM steps
    ended steps 60
    is "px-load: every request was answered as it should be" "$status" 0
    sed 's/^/# /' steps.out
    exact steps "$PG_CONNECTION"
    resize 1 0
}

# --- drain -----------------------------------------------------------------------------------------------

log_end() { # records that the log has
    local p asks=()
    for ((p = 0; p < partitions; p++)); do asks+=(-t "$topic:$p:-1"); done
    timeout 30 kcat -b "$KAFKA_BOOTSTRAP" -Q "${asks[@]}" 2>/dev/null | awk '/ offset [0-9]+$/ {s += $NF} END {printf "%.0f", s}'
}
stored_bytes() { sql "select pg_database_size('$1')"; }
in_database() { (PG_URL=${PG_URL%/*}/$1 && sql "$2"); }
folded_in() { in_database "$1" 'select coalesce(sum(next_offset - first_offset), 0) from partition_ledger'; }
begun_in() { [ "$(folded_in "$1")" -gt 0 ]; }
done_in() { [ "$(folded_in "$1")" -ge "$total" ]; }

drain_with() { # aggregators: the whole log into a database of its own
    local n=$1 db=drain$1 k began first end start empty server used=0
    local usual=("${database[@]}")
    sql "create database $db" >/dev/null
    database[3]=Sql:ConnectionString=${PG_CONNECTION/Database=analytics/Database=$db}
    migrate
    empty=$(stored_bytes "$db")
    server=$(postgres_ticks)
    began=$(now_ms)
    for ((k = 1; k <= n; k++)); do aggregator_up "drain$n-$k" --set "Kafka:GroupId=$db"; done
    need "$n aggregators: they begin with the backlog" within 60 begun_in "$db"
    first=$(now_ms) start=$(folded_in "$db")
    need "$n aggregators: they come to its end" within 300 done_in "$db"
    end=$(now_ms)
    server=$(($(postgres_ticks) - server))
    for ((k = 1; k <= n; k++)); do used=$((used + $(ticks "${pids[drain$n-$k]}"))); done
    note "$(awk -v n="$n" -v t="$total" -v s="$start" -v a="$began" -v b="$first" -v c="$end" -v ag="$(per_event "$used" "$total")" \
        -v pg="$(per_event "$server" "$total")" -v bytes=$(($(stored_bytes "$db") - empty)) 'BEGIN {
            printf "drain by %d: %d events, %.0f events/s once begun (%.1f s; joining took %.1f s), CPU/event aggregators %s us, PostgreSQL %s us, stored %.0f bytes/event",
            n, t, (t - s) * 1000 / (c - b + 1), (c - b) / 1000, (b - a) / 1000, ag, pg, bytes / t}')"
    for ((k = 1; k <= n; k++)); do send TERM "drain$n-$k"; done
    for ((k = 1; k <= n; k++)); do ended "drain$n-$k" 40; done
    database=("${usual[@]}")
    exact "$n aggregators" "${PG_CONNECTION/Database=analytics/Database=$db}"
}
drain() {
    local n total
    quiet_note drain
    stand
    traffic_up backlog 4000 --connections 256 --grace 120s --duration "$((backlog / 4000 + 1))s"
    ended backlog $((120 + backlog / 500))
    is "the backlog was sent" "$status" 0
    total=$(log_end)
    check "the log holds the backlog" [ "$total" -ge $((backlog * 8 / 10)) ]
    for n in 1 2 4; do drain_with "$n"; done
}

# --- partitions ------------------------------------------------------------------------------------------

beginning_in_new() { sql "select count(*) from consumer_offsets where topic = '$topic' and partition_id >= 10 and next_offset > 0"; }
all_new_used() { [ "$(beginning_in_new)" -eq $((partitions - 10)) ]; }
more_partitions() {
    local began
    quiet_note partitions
    stand
    resize 0 2
    traffic_up partitions "$rate" --players 2000
    need "two aggregators work on ten partitions" within 60 folded_past $(($(folded) + 5 * rate))
    began=$(now_ms)
    kafka_sh tool "$work/kafka" org.apache.kafka.tools.TopicCommand --bootstrap-server "$KAFKA_BOOTSTRAP" --alter \
        --topic "$topic" --partitions 14 >>servers.log 2>&1 || die "the topic got more partitions ($(tail -n 3 servers.log))"
    partitions=14
    check "the new partitions are taken within a minute" within 60 spread 2
    note "new partitions taken after $(($(now_ms) - began)) ms: $(owned 2 | paste -sd ' ')"
    check "players have moved to them" within 60 all_new_used
    note "every new partition had events after $(($(now_ms) - began)) ms"
    check "work goes on" within 60 folded_past $(($(folded) + 5 * rate))
    send TERM partitions
    ended partitions 60
    is "px-load: every request was answered as it should be" "$status" 0
    note "players with events in more than one partition: $(sql "select count(*) from (select player_id from events where
        player_id like 'partitions%' group by player_id having count(distinct partition) > 1) p")"
    exact "more partitions" "$PG_CONNECTION"
    resize 2 0
}

# --- growth ----------------------------------------------------------------------------------------------

growth() {
    quiet_note growth
    (cd "$root" && BENCH_GROW=1 BENCH_EVENTS="$events" "$bench" 2>"$work/growth.log") >growth.json
    tap $? "growth: bench_aggregate measured" "$(tail -n 3 growth.log)"
    awk -f "$root/tests/bench/table.awk" growth.json | sed 's/^/# /; s/ *$//'
}

# --- knee ------------------------------------------------------------------------------------------------

# A rate holds when every request is sent in its time and answered 200 or by its refusal, with p95 of the
# acknowledgement at most 200 ms, and of receipt to SQL at most 2 s: the goals of docs/PERFORMANCE.md.
fresh() { # the buckets of receipt to SQL so far: "bound count"
    curl -fsS -m 2 "http://127.0.0.1:$(port agg-1 admin.port)/metrics" |
        sed -nE 's/^px_end_to_end_latency_seconds_bucket\{le="([^"]*)"\} ([0-9]+).*/\1 \2/p' | sed 's/^+Inf/1e18/' | sort -g
}
fresh_p95() { # buckets-before: in ms, of the events since then; "unknown" when the metrics did not answer
    paste -d ' ' <(fresh) "$1" | awk 'NF != 4 {exit 1} {print $1, $2 - $4}' >fresh.since || { echo unknown && return; }
    awk -v q=95 -f "$root/deploy/local/parts/quantile.awk" fresh.since
}
caught_up() { [ "$(log_end)" = "$(folded)" ]; }
holds() { # rate: one step of ${knee_for} seconds
    local name=knee-$((++knee_steps)) began sent p95 late p95_sql took
    fresh >fresh.before
    traffic_up "$name" "$1" --connections $(($1 < 5000 ? 32 + $1 / 5 : 1032)) --duration "${knee_for}s" \
        --seed "$knee_steps" --truth "$work/$name.truth"
    ended "$name" $((knee_for + 60)) || die "px-load came to its end"
    began=$(now_ms)
    need "SQL reaches the end of the log after $1 events/s" within 120 caught_up
    took=$(($(now_ms) - began))
    p95_sql=$(fresh_p95 fresh.before)
    read -r sent p95 late < <(python3 -c 'import json, sys
t = json.load(open(sys.argv[1]))
print(t["sent"], t["latencyMs"]["p95"], t["unsent"] + t["unavailable"] + t["unknown"] + t["unanswered"] + t["unexpected"])' \
        "$work/$name.truth")
    note "$1 events/s: $sent requests, $late not sent in time or without a proper answer; p95 acknowledgement $p95 ms, receipt to SQL $p95_sql ms; SQL at the end $took ms later"
    [ "$late" = 0 ] && [[ $p95_sql =~ ^[0-9]+$ ]] && awk -v a="$p95" -v b="$p95_sql" 'BEGIN {exit !(a <= 200 && b <= 2000)}'
}
knee() {
    local r=$knee_from best=0 knee_steps=0
    quiet_note knee
    stand
    resize 0 1
    need "SQL is at the end of the log" within 300 caught_up
    while holds "$r" || holds "$r"; do # a neighbour's moment is no limit of ours
        best=$r
        r=$((r * 11 / 10))
    done
    check "$knee_from events/s hold" [ "$best" -gt 0 ]
    note "the knee: $best events/s hold, $r do not"
    exact knee "$PG_CONNECTION"
    resize 1 0
}

for part in "${parts[@]}"; do
    if [ "$part" = partitions ]; then more_partitions; else "$part"; fi
done
note "load average $(cut -d ' ' -f 1 /proc/loadavg) at the end"
