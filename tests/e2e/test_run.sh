#!/usr/bin/env bash
# What `make run` and `make stack` start, as people use it: twice in a row on the same folder, ended by time and
# by Ctrl-C (which make must survive), during the start, with wrong values and with a port that is taken.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
run=$root/deploy/local/run.sh
unset RUN_FOR RATE SEED
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

# --- twice on the same folder ---------------------------------------------------------------------------

for n in first second; do
    RUN_FOR=8 RATE=500 SEED=5 bash "$run" dev "$bin" "$work/dev" >"$n.txt" 2>&1
    is "$n run: exit" $? 0
    has "$n run: the sums are equal" "$(tail -n 30 "$n.txt")" '^  every sum is equal$'
    has "$n run: it shows its progress" "$(cat "$n.txt")" '^ +[0-9]+ s  acknowledged [1-9]'
    nothing_left "$n run" "$work/dev"
done
check "the second run counted events of its own" [ "$(added counted second.txt)" -gt 0 ]
is "the database holds what both counted" "$(sqlite3 "$work/dev/analytics.db" 'select sum(count) from daily_metrics')" \
    $(($(added counted first.txt) + $(added counted second.txt)))
has "the summary says what was sent" "$(cat second.txt)" "^  requests sent +4000$"

# --- Ctrl-C -----------------------------------------------------------------------------------------------

python3 "$root/tests/e2e/ctrl_c.py" 60 '  acknowledged ' make --no-print-directory -C "$root" \
    RUN_FOR=0 RATE=300 RUN_DIR="$work/make" run >make.txt 2>&1
is "Ctrl-C ends make run with 0" $? 0
has "Ctrl-C: the sums are equal" "$(cat make.txt)" '^  every sum is equal$'
has_not "Ctrl-C: make does not complain" "$(cat make.txt)" 'make.*(\*\*\*|[Ii]nterrupt|Error)'
nothing_left "make run" "$work/make"

python3 "$root/tests/e2e/ctrl_c.py" 30 'Starting (dev)' bash "$run" dev "$bin" "$work/dev" >start.txt 2>&1
is "Ctrl-C during the start ends it with 0" $? 0
has "Ctrl-C during the start is said" "$(cat start.txt)" '^Stopping before everything was up\.$'
nothing_left "Ctrl-C during the start" "$work/dev"

# --- what cannot work -------------------------------------------------------------------------------------

out=$(RATE=abc bash "$run" dev "$bin" "$work/dev" 2>&1)
is "RATE=abc: exit" $? 64
has "RATE=abc is named" "$out" 'RATE=abc'
out=$(API_PORT=70000 bash "$run" dev "$bin" "$work/dev" 2>&1)
is "API_PORT=70000: exit" $? 64
has "API_PORT=70000 is named" "$out" 'API_PORT=70000.*65535'

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

RUN_FOR=5 RATE=500 env ${jar_cache:+PX_CACHE="$jar_cache"} bash "$run" stack "$bin" "$work/stack" >stack.txt 2>&1
is "stack: exit" $? 0
has "stack: the sums are equal" "$(tail -n 30 stack.txt)" '^  every sum is equal$'
nothing_left stack "$work/stack"
