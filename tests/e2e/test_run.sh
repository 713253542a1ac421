#!/usr/bin/env bash
# What `make run` and `make stack` start, as people use it: again and again on the same folder, ended by time and
# by Ctrl-C (which make must survive), during the start, with wrong values and with a port that is taken.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
run=$root/deploy/local/run.sh
unset RUN_FOR RATE SEED BROKERS INGESTS AGGREGATORS
export INGEST_PORT API_PORT INGEST_ADMIN_PORT AGG_ADMIN_PORT API_ADMIN_PORT
INGEST_PORT=$(free_port) API_PORT=$(free_port)
INGEST_ADMIN_PORT=$(free_port) AGG_ADMIN_PORT=$(free_port) API_ADMIN_PORT=$(free_port)

# Processes of a run carry its folder in their arguments or their environment.
left() { grep -lsaF -f <(echo "$1") /proc/[0-9]*/cmdline /proc/[0-9]*/environ | grep -v "/$$/" | grep -oE '[0-9]+' | sort -u; }
nothing_left() { # name folder
    local pids
    pids=$(left "$2")
    is "$1: no process is left" "$(for p in $pids; do tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null; done)" ""
    is "$1: no pid file is left" "$(ls "$2"/*.pid 2>/dev/null)" ""
    for p in $pids; do kill -9 "$p" 2>/dev/null; done
}
added() { sed -nE 's/^  '"$1"' +([0-9]+)( .*)?$/\1/p' "$2"; } # line of the summary, file

# --- again and again on the same folder, which then knows logs of different lengths -----------------------

for n in first second third; do
    RUN_FOR=$([ $n = second ] && echo 8 || echo 4) RATE=500 SEED=5 bash "$run" dev "$bin" "$work/dev" >"$n.txt" 2>&1
    is "$n run: exit" $? 0
    has "$n run: the ledger finds it exact" "$(tail -n 30 "$n.txt")" '^ledger: exact$'
    has "$n run: it shows its progress" "$(cat "$n.txt")" '^ +[0-9]+ s  acknowledged [1-9]'
    nothing_left "$n run" "$work/dev"
done
check "the second run counted events of its own" [ "$(added counted second.txt)" -gt 0 ]
is "the database holds what all counted" "$(sqlite3 "$work/dev/analytics.db" 'select sum(count) from daily_metrics')" \
    $(($(added counted first.txt) + $(added counted second.txt) + $(added counted third.txt)))
has "the summary says what was sent" "$(cat second.txt)" "^  requests sent +4000$"
has "the summary says how long an acknowledgement took" "$(cat second.txt)" '^  acknowledgement in ms +p50 [0-9.]+ p95 [0-9.]+ p99 '
has "the summary says how long an event took to SQL" "$(cat second.txt)" '^  receipt to SQL, p95 +(> )?[0-9]+ ms$'
for s in svc-ingest svc-aggregator svc-metrics-api; do
    has "the summary says what $s cost" "$(cat second.txt)" "^  $s +[0-9]+ us +[0-9.]+ -> [0-9.]+ MiB$"
done

# --- Ctrl-C -----------------------------------------------------------------------------------------------

python3 "$root/tests/e2e/ctrl_c.py" 60 '  acknowledged ' make --no-print-directory -C "$root" \
    RUN_FOR=0 RATE=300 RUN_DIR="$work/make" run >make.txt 2>&1
is "Ctrl-C ends make run with 0" $? 0
has "Ctrl-C: the ledger finds it exact" "$(cat make.txt)" '^ledger: exact$'
has_not "Ctrl-C: make does not complain" "$(cat make.txt)" 'make.*(\*\*\*|[Ii]nterrupt|Error)'
nothing_left "make run" "$work/make"

python3 "$root/tests/e2e/ctrl_c.py" 30 'Starting (dev)' bash "$run" dev "$bin" "$work/dev" >start.txt 2>&1
is "Ctrl-C during the start ends it with 0" $? 0
has "Ctrl-C during the start is said" "$(cat start.txt)" '^Stopping before everything was up\.$'
nothing_left "Ctrl-C during the start" "$work/dev"

# --- what cannot work -------------------------------------------------------------------------------------

refused() { # variable value, mode: exit 64, and both are named
    local out
    out=$(env "$1=$2" bash "$run" "$3" "$bin" "$work/$3" 2>&1)
    is "$1=$2: exit" $? 64
    has "$1=$2 is named, with a remedy" "$out" "^$1=$2: ."
}
refused RATE abc dev
refused API_PORT 70000 dev
refused INGESTS 9 dev
refused AGGREGATORS 0 dev
refused BROKERS 3 dev
refused BROKERS 2 stack
refused REGISTRY 2 stack
refused REGISTRY 1 dev
out=$(INGESTS=2 INGEST_PORT=8080 API_PORT=8090 bash "$run" dev "$bin" "$work/dev" 2>&1)
is "two processes at one port: exit" $? 64
has "two processes at one port: both variables are named" "$out" 'API_PORT=8090: .*INGEST_PORT=8080'

launch holder python3 -c 'import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True: s.accept()' "$API_PORT"
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$API_PORT"); }
need "somebody else listens at the port of the API" within 10 taken
out=$(RUN_FOR=2 bash "$run" dev "$bin" "$work/dev" 2>&1)
is "a taken port: exit" $? 69
has "a taken port is named, with the variable that changes it" "$out" "port $API_PORT .*API_PORT="
nothing_left "a taken port" "$work/dev"
send KILL holder

# --- the same on real servers -----------------------------------------------------------------------------

stack() { # file, variables...
    local file=$1
    shift
    env RUN_FOR=5 RATE=500 ${jar_cache:+PX_CACHE="$jar_cache"} "$@" bash "$run" stack "$bin" "$work/stack" >"$file" 2>&1
}
stack first.txt
is "stack: exit" $? 0
has "stack: the ledger finds it exact" "$(tail -n 30 first.txt)" '^ledger: exact$'
nothing_left stack "$work/stack"
stack second.txt INGESTS=2 AGGREGATORS=2
is "stack with several services on the same data: exit" $? 0
has "stack with several services on the same data: exact" "$(tail -n 30 second.txt)" '^ledger: exact$'
cost() { sed -nE "s/^  $1 +([0-9]+) us .*/\1/p" second.txt; }
for s in svc-ingest svc-aggregator; do
    check "stack: $s-2 did a good part of the work" [ $((3 * $(cost "$s-2"))) -gt "$(cost "$s")" ]
done
nothing_left "stack with several services" "$work/stack"
out=$(BROKERS=3 bash "$run" stack "$bin" "$work/stack" 2>&1)
is "another number of brokers on the same data: exit" $? 64
has "another number of brokers: the remedy is named" "$out" '^BROKERS=3: .*BROKERS=1'
