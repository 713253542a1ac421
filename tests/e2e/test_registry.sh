#!/usr/bin/env bash
# The schema registry: a real one, a real Kafka, SQLite, and another implementation of Avro at both ends of the
# log. Our schemas are registered once, the log carries the ids that the registry gave, a later version with one
# more field is read beside ours in one run, an incompatible one is refused by name, and a registry that goes
# down stops nobody: what needs it waits and is counted when it is back.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
other=(/usr/bin/python3 "$root/tests/e2e/avro_other.py") # Debian's, which has python3-avro
ours=$root/schemas/avro
database=(--set "Sql:ConnectionString=Driver={SQLite3};Database=$work/a.db")
sql() { sqlite3 -readonly -cmd '.timeout 5000' "$work/a.db" "$1" 2>&1; }

registry_begin
kafka_up
kafka_topics 2
migrate
registry_up
check "the registry listens on loopback only" test -z \
    "$(ss -Hltnp | grep "pid=$REGISTRY_PID," | grep -vE ' (127\.0\.0\.1|\[::ffff:127\.0\.0\.1\]):' )"
subjects() { curl -fsS -m 5 "$REGISTRY_URL/subjects" | tr -d '"[]' | tr ',' '\n' | sort | paste -sd ' '; }

# --- registering -----------------------------------------------------------------------------------------

register() { # plan|apply options...: prints what it says, exit status in the last line
    local mode=$1
    shift
    "$bin/svc-ingest" "${kafka[@]}" "${registry[@]}" --register-schemas="$mode" "$@" 2>&1
    echo "exit $?"
}
# Another schema first, so that ours do not get the ids that they have without a registry.
echo '{"type":"record","name":"Other","fields":[]}' >other.avsc
"${other[@]}" add "$REGISTRY_URL" somebody-else other.avsc >other.id

"$bin/svc-ingest" "${kafka[@]}" "${registry[@]}" --set Ingest:Port=0 --set Admin:Port=0 >early.out 2>early.log
is "without its schemas in the registry svc-ingest does not start" $? 78
has "and says what to run" "$(cat early.log)" 'event.avsc under EVT_.*-value: run svc-ingest --register-schemas=apply'
has "plan says what would be" "$(register plan)" "^$topic-value: event.avsc will be the first version"
is "plan registers nothing" "$(subjects)" somebody-else
out=$(register apply)
has "apply registers" "$out" "^$topic-value: event.avsc registered as schema [0-9]+"
has "apply ends well" "$out" '^exit 0'
is "both subjects are there" "$(subjects)" "$dlq-value $topic-value somebody-else"
event_id=$("${other[@]}" find "$REGISTRY_URL" "$topic-value" "$ours/event.avsc")
letter_id=$("${other[@]}" find "$REGISTRY_URL" "$dlq-value" "$ours/dlq.avsc")
has_not "apply again registers nothing" "$(register apply)" 'registered as'
is "the subject is guarded" "$(curl -fsS "$REGISTRY_URL/config/$topic-value")" '{"compatibilityLevel":"FORWARD"}'
check "ours are not the fixed ids" [ "$event_id" -gt 1 ]
"$bin/svc-ingest" "${kafka[@]}" "${registry[@]}" --check >check.out 2>&1
has "--check of svc-ingest sees them" "$(cat check.out)" "ok +registry.schemas .*events are schema $event_id, dead letters $letter_id"
"$bin/svc-aggregator" "${kafka[@]}" "${registry[@]}" "${database[@]}" --check >check.out 2>&1
has "--check of svc-aggregator sees them" "$(cat check.out)" "ok +registry.schemas .*events are schema $event_id, dead letters $letter_id"

for k in 1 2 3 4; do register apply --set Kafka:EnvironmentName=TWO >"two$k.out" & done
wait $(jobs -p)
is "four who register at once all end well" "$(grep -h '^exit' two?.out | sort | uniq -c | tr -s ' ')" ' 4 exit 0' ||
    sed 's/^/# /' two?.out
is "two schemas were registered, one for each topic" "$(subjects | tr ' ' '\n' | grep -c _TWO_)" 2

# --- what the registry refuses ---------------------------------------------------------------------------

# Readers out there that need a field which ours does not write: a subject of another environment.
strange=${topic/_DEV_/_TST_}-value
python3 - "$ours/event.avsc" >strange.avsc <<'P'
import json, sys
schema = json.load(open(sys.argv[1]))
schema["fields"].append({"name": "brand", "type": "string"})
print(json.dumps(schema))
P
"${other[@]}" add "$REGISTRY_URL" "$strange" strange.avsc >strange.id
before=$(subjects)
has "plan does not judge without a level" "$(register plan --set Kafka:EnvironmentName=TST)" \
    "^$strange: event.avsc is judged by apply"
out=$(register apply --set Kafka:EnvironmentName=TST)
has "an incompatible schema is refused, by subject, file and field" "$out" "^$strange: REFUSED event.avsc: .*brand"
has "the command fails" "$out" '^exit 78'
is "and nothing was registered" "$(subjects)" "$before"

# --- https and credentials -------------------------------------------------------------------------------

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=registry \
    -addext subjectAltName=IP:127.0.0.1 -keyout tls.key -out tls.pem 2>>servers.log || die "a certificate was made"
cat >tls.py <<'P'
# A registry as far as its front door: https, and a user.
import base64, http.server, ssl
class Door(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.headers.get("Authorization") == "Basic " + base64.b64encode(b"ana:open sesame").decode()
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(b"[]" if known else b"{}")
server = http.server.HTTPServer(("127.0.0.1", 0), Door)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("tls.pem", "tls.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
P
launch door /usr/bin/python3 tls.py
within 10 test -s door.out || die "the https server started"
echo 'open sesame' >password && echo 'close sesame' >wrong && chmod 600 password wrong
reachable() { # options...: what the probe says
    "$bin/svc-ingest" "${kafka[@]}" --set "SchemaRegistry:Url=https://127.0.0.1:$(cat door.out)" --check "$@" 2>&1 |
        grep -E '^[a-zA-Z]+ +registry\.reachable' || echo "no such probe"
}
user=(--set SchemaRegistry:User=ana --set SchemaRegistry:PasswordFile="$work/password")
has "https with its authority and a user" "$(reachable --set SchemaRegistry:CaFile=tls.pem "${user[@]}")" '^ok '
has "a certificate that nobody vouches for is refused" "$(reachable "${user[@]}")" '^FAIL .*SchemaRegistry:CaFile'
has "a wrong password is named" "$(reachable --set SchemaRegistry:CaFile=tls.pem --set SchemaRegistry:User=ana \
    --set SchemaRegistry:PasswordFile="$work/wrong")" '^FAIL .*SchemaRegistry:PasswordFile'
send TERM door

# --- one writer ------------------------------------------------------------------------------------------

log_of() { kcat -b "$KAFKA_BOOTSTRAP" -C -t "$1" -e -q -f '%S:%s'; }
ingest_up ingest "${registry[@]}"
aggregator_up aggregator "${registry[@]}"
ready ingest 30
ready aggregator 30
pixels() { # player first last: one visit each
    local k
    for ((k = $2; k <= $3; k++)); do
        printf 'url = "http://127.0.0.1:%s/api/pixel/visit?playerId=%s%s&bannerTag=ours"\noutput = "/dev/null"\n' \
            "$ingest_port" "$1" "$k"
    done | curl -fsS -m 20 -K - 2>>"$work/curl.log"
}
ingest_port=$(port ingest server.port)
count() { sql "select coalesce(sum(${2:-counted}), 0) from partition_ledger"; }
count_is() { [ "$(count counted "${2:-counted}")" = "$1" ]; }
check "twenty pixels are acknowledged" pixels a 1 20
curl -sS -o /dev/null "http://127.0.0.1:$ingest_port/api/pixel/visit?playerId=x" # no banner: a dead letter
need "they are counted" within 20 count_is 20
log_of "$topic" | "${other[@]}" read "$REGISTRY_URL" player_id >log.out 2>&1
is "the log carries the registry's id, and another implementation reads all of it" "$(head -n 1 log.out)" "$event_id:20"
is "the same players" "$(sed 1d log.out | cut -d ' ' -f 2 | sort -V | paste -sd ' ')" "$(seq -f 'a%.0f' 20 | paste -sd ' ')"
letter_stored() { [ "$(log_of "$dlq" | wc -c)" -gt 0 ]; }
need "the refused request became a dead letter" within 10 letter_stored
is "dead letters carry theirs" "$(log_of "$dlq" | "${other[@]}" read "$REGISTRY_URL" reason | paste -sd ' ')" \
    "$letter_id:1 $letter_id missing_field"

"$bin/svc-aggregator" "${kafka[@]}" "${registry[@]}" "${database[@]}" --dlq=stats >dlq.out 2>&1
is "--dlq reads them" $? 0
has "and what they say" "$(cat dlq.out)" 'by reason +1  missing_field'

# --- a later version beside it ---------------------------------------------------------------------------

put() { # partition folder: its files, a record each
    kcat -b "$KAFKA_BOOTSTRAP" -P -t "$topic" -p "$1" -k "$2" "$2"/* || die "$2 was written to the log"
}
"${other[@]}" later "$ours/event.avsc" >later.avsc
later_id=$("${other[@]}" add "$REGISTRY_URL" "$topic-value" later.avsc)
check "a version with one more optional field is accepted" [ "$later_id" -gt "$letter_id" ]
"${other[@]}" write later.avsc "$later_id" later later- 10
put 0 later
check "the writer of the earlier version goes on" pixels b 1 10
need "both generations are counted in one run" within 20 count_is 40
is "each player of the later version" "$(sql "select count(*) from events where player_id like 'later-%'")" 10
is "no dead letters" "$(count '' dead_lettered)" 0
has "the aggregator learned that schema" "$(cat aggregator.log)" "schema.learned.*\"px.schema_id\":$later_id"

# --- ids that nobody gave, and schemas that are no events ------------------------------------------------

"${other[@]}" write later.avsc 999999 unknown unknown- 1
"${other[@]}" write later.avsc "$(cat other.id)" foreign foreign- 1
put 0 unknown
put 0 foreign
need "both are dead letters" within 20 count_is 2 dead_lettered
reasons() { log_of "$dlq" | "${other[@]}" read "$REGISTRY_URL" reason | sed 1d | cut -d ' ' -f 2 | sort | paste -sd ' '; }
is "with their reasons" "$(reasons)" 'incompatible_schema missing_field unknown_schema'

# --- the registry goes down ------------------------------------------------------------------------------

# One more version that nobody has asked for yet.
python3 - later.avsc >third.avsc <<'P'
import json, sys
schema = json.load(open(sys.argv[1]))
schema["fields"].insert(0, {"name": "shard", "type": "int", "default": 0})
print(json.dumps(schema))
P
third_id=$("${other[@]}" add "$REGISTRY_URL" "$topic-value" third.avsc)
"${other[@]}" write third.avsc "$third_id" third third- 5
"${other[@]}" write later.avsc "$later_id" again again- 5
registry_sh kill
check "the registry is gone" test ! -e "/proc/$REGISTRY_PID"
check "svc-ingest goes on without it" pixels c 1 10
put 0 again
need "svc-aggregator goes on with the schemas that it knows" within 20 count_is 55
put 1 third
waits() { logged aggregator schema.partition_waits && [ "$(metric aggregator px_consumer_paused_partitions)" = 1 ]; }
need "records of a schema that it cannot ask for now wait" within 20 waits
put 0 unknown # other partitions go on: an id that was refused before is still refused
need "the other partition goes on" within 20 count_is 3 dead_lettered
is "nothing was lost or condemned meanwhile" "$(sql "select count(*) from events where player_id like 'third-%'")" 0
check "svc-aggregator is still ready" http_ok "http://127.0.0.1:$(port aggregator admin.port)/readyz"
check "svc-ingest is still ready" http_ok "http://127.0.0.1:$(port ingest admin.port)/readyz"
"$bin/svc-ingest" "${kafka[@]}" "${registry[@]}" --set Ingest:Port=0 --set Admin:Port=0 >down.out 2>down.log
is "a new svc-ingest does not start without it" $? 69
has "and names the option" "$(cat down.log)" 'SchemaRegistry:Url: the registry cannot be reached'
"$bin/svc-aggregator" "${kafka[@]}" "${registry[@]}" "${database[@]}" --set Admin:Port=0 >down.out 2>down.log
is "nor does a new svc-aggregator" $? 69
registry_begin
registry_up
third() { [ "$(sql "select count(*) from events where player_id like 'third-%'")" = 5 ]; }
need "what waited is counted when it is back" within 40 third
is "everything is counted once" "$(sql "select count(*), count(distinct player_id) from events where player_id not like 'x%'")" '60|60'
is "the ledger adds up" "$(sql 'select sum(next_offset - first_offset) - sum(counted + dead_lettered) from partition_ledger')" 0

for name in aggregator ingest; do
    send TERM "$name"
    ended "$name" 30
    is "$name ends in order" "$status" 0
done
