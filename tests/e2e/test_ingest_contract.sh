#!/usr/bin/env bash
# The contract of ingest with a real broker: 200 means stored, 503 with Retry-After means nobody should count
# on it, and either comes in time; readiness follows the log, down and up again.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

kafka_up
kafka_topics
ingest_up ingest --set Kafka:MessageTimeout=3s --set Ack:Proof=any
ready ingest 30
url=http://127.0.0.1:$(port ingest server.port)
admin=http://127.0.0.1:$(port ingest admin.port)
pixel="$url/api/pixel/visit?bannerTag=spring&playerId="
gif=47494638396101000100800000
uuid='^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'
stored() { kcat -b "$KAFKA_BOOTSTRAP" -C -t "$topic" -e -q -D $'\n' 2>/dev/null | grep -ac "$1"; }
code_of() { sed -nE 's/.*"code":"([^"]*)".*/\1/p' "$work/body" | head -n 1; }
in_range() { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]; }
readyz_is() { [ "$(get "$admin/readyz")" = "$1" ]; }
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

# --- the broker is there ----------------------------------------------------------------------------------

is "a valid pixel: status" "$(get "${pixel}ana-1")" 200
is "a valid pixel: 43 bytes" "$(stat -c %s body)" 43
has "a valid pixel: a GIF89a of 1 x 1" "$(od -An -v -tx1 body | tr -d ' \n')" "^$gif"
is "a valid pixel: its type" "$(head_field Content-Type)" image/gif
has "a valid pixel: the id that the server gave" "$(head_field X-Event-Id)" "$uuid"
has "a valid pixel: not to be kept by caches" "$(head_field Cache-Control)" no-store
is "a valid pixel is in the log, once" "$(stored ana-1)" 1
is "a JSON event: status" "$(get "$url/api/events" --json '{"eventType":"visit","playerId":"ana-2","bannerTag":"spring","eventId":"own-2"}')" 200
has "a JSON event: the answer" "$(cat body)" '"eventId":"[0-9a-f-]{36}".*"status":"accepted"'
has "a JSON event: the sender's id comes back" "$(cat body)" '"clientEventId":"own-2"'
is "a pixel without player: status" "$(get "$url/api/pixel/visit?bannerTag=spring")" 400
is "a pixel without player: the code" "$(head_field X-Error-Code)" missing_field
has "a pixel without player: the field" "$(cat body)" '"field":"playerId"'
is "ready" "$(get "$admin/readyz")" 200
check "a topic of one copy is named in the log" within 10 logged ingest ingest.acks_weak

# --- proof: the record is where the answer says, and it is that event ------------------------------------------

visit='"eventType":"visit","bannerTag":"spring"'
batch=$(for k in 1 2 3 4 5 6 7 8; do echo "{$visit,\"playerId\":\"proof-$k\"}"; done)
is "proof: a pixel" "$(get "${pixel}ana-6" -H 'X-Event-Ack: 1')" 200
echo "$(head_field X-Event-Ack) $(head_field X-Event-Id)" >places
is "proof: a batch" "$(get "$url/api/events" -H 'X-Event-Ack: 1' -H 'Content-Type: application/x-ndjson' --data-binary "$batch")" 200
python3 -c 'import json
for r in json.load(open("body"))["results"]:
    print("{topic}/{partition}/{offset}".format(**r["ack"]), r["eventId"])' >>places
is "proof: each event has its own place" "$(cut -d ' ' -f 1 places | sort -u | wc -l)" 9
kcat -b "$KAFKA_BOOTSTRAP" -C -t "$topic" -e -q -D $'\036' -f "%t/%p/%o %s"$'\036' >records 2>kcat.log
is "proof: the record at each place is that event" "$(awk -v RS=$'\036' '
    FNR == NR { n = split($0, line, "\n"); for (i = 1; i <= n; i++) if (split(line[i], f, " ") == 2) id[f[1]] = f[2]; next }
    { place = substr($0, 1, index($0, " ") - 1); if (place in id && index($0, id[place])) found++ }
    END { print found + 0 }' places records)" 9

# --- it is not --------------------------------------------------------------------------------------------

kafka_sh kill "$work/kafka"
begin=$(milliseconds)
is "broker killed: a pixel" "$(get "${pixel}ana-3")" 503
took=$(($(milliseconds) - begin))
has "broker killed: when to come again" "$(head_field Retry-After)" '^[1-9][0-9]*$'
has "broker killed: a code" "$(head_field X-Error-Code)" '^log_'
# What this machine takes, now, for two requests that wait for nothing is not the service's.
begin=$(milliseconds)
is "broker killed: alive" "$(get "$admin/livez")$(get "$admin/livez")" 200200
spare=$(($(milliseconds) - begin))
check "broker killed: answered within the message timeout and 1.5 s ($took - $spare ms)" in_range "$((took - spare))" 0 4700
is "broker killed: a JSON event" "$(get "$url/api/events" --json '{"eventType":"visit","playerId":"ana-4","bannerTag":"spring"}')" 503
has "broker killed: a JSON event may be sent again" "$(cat body)" '"retryable":true'
check "broker killed: not ready" within 10 readyz_is 503
is "broker killed: what is wrong with an event is still said" "$(get "$url/api/pixel/visit?bannerTag=spring")" 400

# --- it is back -------------------------------------------------------------------------------------------

kafka_up
back=$(milliseconds)
works() { [ "$(get "${pixel}ana-5")" = 200 ]; }
check "broker back: a pixel is taken within 30 s" within 30 works
check "broker back: ready within 30 s" within 30 readyz_is 200
took=$(($(milliseconds) - back))
check "broker back: both together within 30 s ($took ms)" in_range "$took" 0 30000
check "broker back: the event is in the log" [ "$(stored ana-5)" -ge 1 ]
is "what had been acknowledged is still there" "$(stored 'ana-[12]')" 2
send TERM ingest
ended ingest 25
is "SIGTERM ends ingest with 0" "$status" 0
