#!/usr/bin/env bash
# What the three programs say before they run: --check against a stack that is whole, half there and gone; the
# exit codes and messages of wrong options, wrong files, taken ports.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

kafka_up
postgres_up
services='ingest aggregator api'
ask() { # service options...: runs it; its output is in $out, its status in $status
    local command=()
    case $1 in
    ingest) command=("$bin/svc-ingest" "${kafka[@]}" --set Ingest:Port=0) ;;
    aggregator) command=("$bin/svc-aggregator" "${kafka[@]}" "${database[@]}") ;;
    api) command=("$bin/svc-metrics-api" "${database[@]}" --set Api:Port=0) ;;
    esac
    out=$(timeout 40 "${command[@]}" "${any_port[@]}" "${@:2}" 2>&1 </dev/null)
    status=$?
}
failed() { grep -oE '^FAIL +[a-z._]+' <<<"$out" | awk '{print $2}' | xargs; } # the names, in order
fails() { # service probe pattern [probes]: --check says 1, why this probe failed, and that no other one did
    ask "$1" --check
    is "$1 --check: 1 when $2 fails" "$status" 1
    has "$1 --check: $2 says why" "$out" "^FAIL +$2 .*$3"
    is "$1 --check: nothing else fails" "$(failed)" "${4:-$2}"
}
json_lines() { python3 -c '
import json, sys
rows = [json.loads(line) for line in sys.stdin]
assert all(isinstance(r, dict) for r in rows) and len(rows) > 2, rows
assert all({"probe", "state", "ms", "asks"} <= r.keys() for r in rows[:-1]), rows
got = {s: sum(r["state"] == w for r in rows[:-1]) for s, w in
       (("ok", "ok"), ("warn", "warn"), ("failed", "failed"), ("skipped", "skipped"))}
assert rows[-1]["summary"] == got and got["failed"] == int(sys.argv[1]), (rows[-1], got)' "$1"; }

# --- a broker and a database without anything in them ---------------------------------------------------------

fails ingest kafka.topic "$topic" 'kafka.topic kafka.dlq'
kafka_topics
fails aggregator sql.schema_version 'svc-aggregator --migrate=up'
fails api sql.schema_version '--migrate=up'
migrate
any_port+=(--set Kafka:Region=ELSEWHERE)
fails aggregator kafka.topic 'EVT_ELSEWHERE_'
any_port=(--set Admin:Port=0)

# --- all there -------------------------------------------------------------------------------------------------

for s in $services; do
    ask "$s" --check
    is "$s --check: 0 when all is well" "$status" 0
    has "$s --check: sums up" "$(tail -n 1 <<<"$out")" '^[0-9]+ ok, [0-9]+ warn, 0 failed, [0-9]+ skipped$'
    ask "$s" --check=json
    is "$s --check=json: 0" "$status" 0
    check "$s --check=json: one object a line, and their sum" json_lines 0 <<<"$out"
    probes=$(sed -nE 's/^\{"probe":"([^"]*)".*/\1/p' <<<"$out")
    ask "$s" --check=list
    is "$s --check=list: 0" "$status" 0
    is "$s --check=list: the same probes" "$(awk '{print $1}' <<<"$out")" "$probes"
done

# --- a topic that can lose what it acknowledged -------------------------------------------------------------------

ask ingest --check --set Ack:MinIsr=2
is "ingest --check: 1 when fewer copies confirm than wanted" "$status" 1
has "ingest --check: says how many there are" "$out" '^FAIL +kafka\.min_isr .*replication 1, min.insync.replicas 1 .*wants 2'
ask ingest --set Ack:MinIsr=2
is "ingest: does not start then" "$status" 78
ask ingest --check --set Ack:MinIsr=1
has "ingest --check: one copy is what was wanted" "$out" '^ok +kafka\.min_isr '

ask ingest --check --set 'Cors:Origins=https://a.example shop.example'
has "ingest --check: an origin has a scheme" "$out" '^FAIL +config\.valid .*Cors:Origins'

# --- a database that can lose what it acknowledged --------------------------------------------------------------

sql 'alter system set fsync = off' && sql 'alter system set full_page_writes = off' && sql 'select pg_reload_conf()' >/dev/null
sql 'alter role px set synchronous_commit = off'
fsync_is() { [ "$(sql 'show fsync')" = "$1" ]; } # the server reads its file again soon
need "the server is told not to care" within 10 fsync_is off
fails aggregator sql.durable 'fsync=off, full_page_writes=off, synchronous_commit=off'
grep -oE 'ALTER [A-Z]+ .*;$' <<<"$out" >mend.sql
ask aggregator --check --set Sql:Durability=any
is "a warning where that is wanted" "$status $(grep -c '^warn  sql\.durable .*fsync=off' <<<"$out")" '0 1'
psql -qAt "$PG_URL" -f mend.sql >mend.log 2>&1
need "what --check prints mends it" within 10 fsync_is on
ask aggregator --check
has "then a commit survives a crash" "$out" '^ok +sql\.durable .*fsync=on, full_page_writes=on, synchronous_commit=on'

# --- the servers go --------------------------------------------------------------------------------------------

kafka_sh stop "$work/kafka"
fails ingest kafka.connect 'Kafka:BootstrapServers|127\.0\.0\.1:[0-9]+'
ask ingest --set Ack:MinIsr=1
is "ingest: does not start when no broker tells of its copies" "$status" 69
fails aggregator kafka.connect '127\.0\.0\.1:[0-9]+'
"$real/postgres.sh" stop "$work/postgres"
fails api sql.connect 'Servername|Connection refused'
ask aggregator --check
is "aggregator --check: 1 without both servers" "$status" 1
is "aggregator --check: both are named" "$(failed)" 'sql.connect kafka.connect'
ask api --check=json
is "api --check=json: 1 without its server" "$status" 1
check "api --check=json: parses all the same" json_lines 1 <<<"$out"
for s in $services; do
    ask "$s" --check=offline
    is "$s --check=offline: 0 without any server" "$status" 0
    has_not "$s --check=offline: asks no server" "$out" '(kafka|sql)\.connect'
done

# --- wrong usage, wrong configuration ----------------------------------------------------------------------------

cat >wrong.json <<'JSON'
{"Log": {"Level": "loud"}, "Admin": {"Prot": 9}, "Shutdown": {"Timeout": "5 parsecs"}}
JSON
for s in $services; do
    ask "$s" --chekc
    is "$s: an unknown flag" "$status" 64
    has "$s: a suggestion" "$out" '--chekc.*--check'
    ask "$s" --set Log:Levle=info
    is "$s: an unknown option" "$status" 78
    has "$s: a suggestion for it" "$out" 'Log:Levle.*Log:Level'
    ask "$s" --config wrong.json --check
    is "$s: a file with three errors" "$status" 78
    has "$s: the value is named" "$out" 'wrong\.json.*Log:Level.*loud'
    has "$s: the key is named" "$out" 'wrong\.json.*Admin:Prot.*Admin:Port'
    has "$s: the duration is named" "$out" 'wrong\.json.*Shutdown:Timeout.*5 parsecs'
    ask "$s" --config absent.json
    is "$s: a file that is not there" "$status" 78
    has "$s: which file" "$out" 'absent\.json'
done

# --- where a value comes from --------------------------------------------------------------------------------------

echo '{"Sql": {"Dialect": "postgresql"}}' >appsettings.json
shown=$(env PX_Sql__Password=swordfish PX_Api__Port=8099 "$bin/svc-metrics-api" --set Log:Level=warn --print-config 2>&1)
is "--print-config: 0" $? 0
has "--print-config: a default" "$shown" '^Api:Workers = 2 .*# default'
has "--print-config: a file" "$shown" '^Sql:Dialect = postgresql .*# .*appsettings\.json'
has "--print-config: the environment" "$shown" '^Api:Port = 8099 .*# PX_Api__Port'
has "--print-config: the command line" "$shown" '^Log:Level = warn .*# --set'
has "--print-config: a secret is only said to be there" "$shown" '^Sql:Password = \(set\)'
has_not "--print-config: and not shown" "$shown" swordfish
rm appsettings.json

# --- ports --------------------------------------------------------------------------------------------------------------

kafka_up
postgres_up
ingest_up first
api_up other
ready first 30
ready other 30
taken=$(port first server.port)
ask ingest --set "Ingest:Port=$taken"
is "a second ingest at the same port" "$status" 69
has "a second ingest: port and option are named" "$out" "$taken.*Ingest:Port|Ingest:Port.*$taken"
ask api --set "Api:Port=$(port other server.port)"
is "a second API at the same port" "$status" 69
has "a second API: port and option are named" "$out" "$(port other server.port).*Api:Port|Api:Port.*$(port other server.port)"
taken=$(port first admin.port)
for s in $services; do
    ask "$s" --set "Admin:Port=$taken"
    is "$s: the admin port is taken" "$status" 69
    has "$s: the admin port and its option are named" "$out" "Admin:Port.*$taken|$taken.*Admin:Port"
done
ask ingest --check --set "Ingest:Port=$(port first server.port)"
is "ingest --check beside a running one: no failure" "$status" 0
has "ingest --check beside a running one: a warning" "$out" '^warn +http\.bind'
check "the first ones still serve" http_ok "http://127.0.0.1:$(port first admin.port)/readyz"
