#!/usr/bin/env bash
# What hostile clients do to polite ones: the real svc-ingest before px-devbroker, a polite client on connections
# that stay and one on new ones, before, beside and after each attack. Prints a table; ends with 1 when a polite
# request was lost, a process spins, or the service does not recover within two seconds.
#   tests/hostile/run.sh [NAME...]       idle crowd header post bulk read vanish pipeline nofile overload
# SECONDS_EACH=20 of the attack; RATE=100 requests per second of each polite client. Times are shown, not judged:
# the machine may be shared. The rows stay in build/hostile.tsv.
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=${PX_BIN:-build/bin} each=${SECONDS_EACH:-20} rate=${RATE:-100}
topic=EVT_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS
dir=$(mktemp -d) table=build/hostile.tsv failed=0 pids=()
mkdir -p build && : >"$table"

stop() { # every process of ours, by its id
    local p
    for p in "${pids[@]}"; do kill "$p" 2>>"$dir/ends"; done
    for p in "${pids[@]}"; do wait "$p" 2>>"$dir/ends"; done
    pids=()
}
trap 'stop; rm -rf "$dir"' EXIT
within() { # seconds command...
    local end=$(($(date +%s%N) + $1 * 1000000000))
    shift
    until "$@"; do
        [ "$(date +%s%N)" -lt "$end" ] || return 1
        sleep 0.02
    done
}
field() { sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p" "$1" | tail -n 1; }                   # file member
time_of() { sed -n "s/.*\"$2\":{[^}]*\"$3\":\([0-9]*\).*/\1/p" "$1" | tail -n 1; }     # file times member: us
ms() { awk -v us="${1:-0}" 'BEGIN {printf us < 10000 ? "%.1f" : "%.0f", us / 1000}'; }
cpu() { awk '{print ($14 + $15) * 10}' "/proc/$ingest/stat"; } # ms
rss() { awk '/^VmRSS/ {printf "%.0f", $2 / 1024}' "/proc/$ingest/status"; }
files() { find "/proc/$ingest/fd" -mindepth 1 2>>"$dir/ends" | wc -l; }
lines() { wc -l <"$dir/ingest.log"; }
metric() { curl -s "http://127.0.0.1:$admin/metrics" | awk -v m="$1" '$1 == m {print $2}'; }

# start NOFILE [broker option...] -- [option...]: a broker and the service
start() {
    local nofile=$1 broker=()
    shift
    while [ "$1" != -- ]; do broker+=("$1") && shift; done
    shift
    rm -f "$dir"/*.log "$dir/broker.env"
    "$bin/px-devbroker" --address-file "$dir/broker.env" --topic "$topic:10" --topic "DLQ${topic#EVT}:10" "${broker[@]}" \
        >"$dir/broker.log" 2>&1 &
    pids+=($!)
    within 10 test -s "$dir/broker.env" || { echo "px-devbroker did not start" >&2 && exit 1; }
    . "$dir/broker.env"
    local sets=()
    for o in "Kafka:BootstrapServers=$KAFKA_BOOTSTRAP" Ingest:Port=0 Admin:Port=0 "$@"; do sets+=(--set "$o"); done
    (ulimit -Sn "$nofile" && exec "$bin/svc-ingest" "${sets[@]}") >"$dir/ingest.log" 2>&1 &
    ingest=$!
    pids+=("$ingest")
    within 10 grep -q app.ready "$dir/ingest.log" || { cat "$dir/ingest.log" >&2 && exit 1; }
    port=$(field <(grep ingest.listening "$dir/ingest.log") server.port)
    admin=$(field <(grep ingest.listening "$dir/ingest.log") admin.port)
}

# polite NAME SECONDS: both polite clients; their summaries are NAME.yes.log and NAME.no.log
polite() {
    local keep those=()
    for keep in yes no; do
        "$bin/px-hostile" ask --port "$port" --rate "$rate" --connections 20 --duration "$2s" --timeout 5s \
            --keep-alive $keep >"$dir/$1.$keep.log" &
        those+=($!)
    done
    wait "${those[@]}"
}
served() { # how many were answered 200, of how many
    local keep ok=0 asked=0 unsent
    for keep in yes no; do
        unsent=$(field "$dir/$1.$keep.log" unsent)
        [ "$unsent" -gt 1 ] || unsent=0 # the last one may become due at the very end
        ok=$((ok + $(field "$dir/$1.$keep.log" s200) + 0))
        asked=$((asked + $(field "$dir/$1.$keep.log" asked) + unsent))
    done
    echo "$ok/$asked"
}
p99() { echo "$(ms "$(time_of "$dir/$1.yes.log" okUs p99)")/$(ms "$(time_of "$dir/$1.no.log" okUs p99)")"; }
answered() { # one new connection gets a 200 within 100 ms
    "$bin/px-hostile" ask --port "$port" --rate 100 --connections 1 --duration 20ms --timeout 100ms --keep-alive no \
        >"$dir/one.log"
    [ "$(field "$dir/one.log" s200)" = "$(field "$dir/one.log" asked)" ]
}
judge() { # what condition...
    local what=$1
    shift
    "$@" || { echo "FAILED $what" >&2 && failed=1; }
}

# attack NAME KIND [px-hostile option...]: measure before, beside and after it
attack() {
    local name=$1 before_cpu before_lines from to used share
    shift
    polite before 5
    before_lines=$(lines)
    "$bin/px-hostile" "$@" --port "$port" >"$dir/attack.log" &
    local hostile=$!
    within 6 grep -q ready "$dir/attack.log" # some never have all of them open: then in the midst of it
    before_cpu=$(cpu) from=$(date +%s%N)
    polite beside "$each"
    to=$(date +%s%N) used=$(($(cpu) - before_cpu))
    share=$((used * 100 * 1000000 / (to - from)))
    local memory fds said
    memory=$(rss) fds=$(files) said=$(($(lines) - before_lines))
    kill "$hostile" && from=$(date +%s%N)
    within 5 answered
    local recovery=$((($(date +%s%N) - from) / 1000000))
    wait "$hostile"
    polite after 5
    printf '%s\t%s\t%s\t%s\t%s\t%s%%\t%s\t%s\t%s\t%s\n' "$name" "$(p99 before)" "$(p99 beside)" "$(p99 after)" \
        "$(served beside)" "$share" "$memory" "$fds" "$said" "$recovery" | tee -a "$table" >&2
    tail -n 1 "$dir/attack.log" | cut -c1-180 >&2
    judge "$name: a polite request was not answered" test "$(served beside | cut -d/ -f1)" = "$(served beside | cut -d/ -f2)"
    judge "$name: spins" test "$share" -lt 80
    judge "$name: floods its log" test "$said" -lt 5
    judge "$name: recovery" test "$recovery" -le 2000
}

# The log takes a fixed number of events per second, whatever the machine does. Twice too much shows how many; then ten
# times that. The first ten seconds of each are not measured: meanwhile the queue gets its length.
overload() {
    local full times name=overload before after ok busy
    start 20000 --delay 25 -- Kafka:Properties=batch.num.messages=20
    for times in 2 10; do
        local asked=$((${full:-1500} * times))
        [ "$times" = 2 ] && asked=4000
        "$bin/px-hostile" ask --port "$port" --rate "$asked" --connections 2000 --duration 10s --timeout 20s >"$dir/first.log"
        "$bin/px-hostile" ask --port "$port" --rate "$asked" --connections 2000 --duration "${each}s" --timeout 20s \
            >"$dir/flood.log" &
        local flood=$!
        within 20 grep -q ready "$dir/flood.log"
        before=$(metric 'px_kafka_deliveries_total{outcome="persisted"}')
        local memory from=$(date +%s%N) cpu0
        memory=$(rss) cpu0=$(cpu)
        sleep $((each - 1))
        local took=$((($(date +%s%N) - from) / 1000000))
        after=$(metric 'px_kafka_deliveries_total{outcome="persisted"}')
        local stored=$(((after - before) * 1000 / took)) share=$((($(cpu) - cpu0) * 100 / took))
        wait "$flood"
        ok=$(field "$dir/flood.log" s200) busy=$(field "$dir/flood.log" s503)
        printf 'offered %s/s: stored %s/s, 200: %s (p50 %s, p99 %s ms), 503: %s (p50 %s, p99 %s ms), lost %s, CPU %s%%, RSS %s to %s MiB\n' \
            "$asked" "$stored" "$ok" "$(ms "$(time_of "$dir/flood.log" okUs p50)")" "$(ms "$(time_of "$dir/flood.log" okUs p99)")" \
            "${busy:-0}" "$(ms "$(time_of "$dir/flood.log" busyUs p50)")" "$(ms "$(time_of "$dir/flood.log" busyUs p99)")" \
            "$(field "$dir/flood.log" lost)" "$share" "$memory" "$(rss)"
        judge "$name: a request had no answer" test "$(field "$dir/flood.log" lost)" = 0
        judge "$name: more than 200 and 503" test "$((ok + busy))" = "$(field "$dir/flood.log" asked)"
        [ "$times" = 2 ] && full=$stored
    done
    judge "$name: stores less than nine tenths of what it can" test $((stored * 10)) -ge $((full * 9))
    within 5 answered
    judge "$name: recovery" answered
}

scenario() {
    case $1 in
    idle) start 20000 -- && attack "10,000 idle (cap 10,000)" idle --connections 10000 ;;
    crowd) start 20000 -- && attack "11,000 idle, coming back" idle --connections 11000 ;;
    header) start 20000 -- && attack "2,000 slow headers" header --connections 2000 ;;
    post) start 20000 -- && attack "2,000 slow bodies" post --connections 2000 ;;
    bulk) start 20000 -- && attack "1,000 bodies without an end" bulk --connections 1000 --rate 500 ;;
    read) start 20000 -- && attack "500 that do not read" read --connections 500 --depth 2000 ;;
    vanish) start 20000 -- && attack "resets, 2,000/s" vanish --connections 200 --rate 2000 ;;
    pipeline) start 20000 -- && attack "20 pipelines of 1,000" pipeline --connections 20 --depth 1000 ;;
    nofile) start 64 -- && attack "64 files, 200 connections" used --connections 200 ;;
    overload) overload ;;
    *) echo "no such scenario: $1" >&2 && exit 64 ;;
    esac
    stop
}

[ $# -gt 0 ] || set -- idle crowd header post bulk read vanish pipeline nofile overload
for name in "$@"; do scenario "$name"; done
echo
{
    printf 'attack\tp99 before\tbeside\tafter (ms)\tanswered\tCPU\tMiB\tfiles\tlog\trecovery ms\n'
    cat "$table"
} | awk -F '\t' '{printf "%-28s %-11s %-11s %-11s %-12s %-5s %-5s %-6s %-4s %s\n", $1, $2, $3, $4, $5, $6, $7, $8, $9, $10}'
exit "$failed"
