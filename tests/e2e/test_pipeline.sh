#!/usr/bin/env bash
# The whole path on real servers: traffic with a known truth through ingest, Kafka, two aggregators (one is
# killed and comes back) and PostgreSQL to the REST API; then SIGTERM of ingest under load loses nothing. Each
# program has the login user of least privilege that it would have in production.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

kafka_up
kafka_topics
postgres_up
migrate
account svc_metrics_api px_api
reader=("${as[@]}")
account svc_aggregator px_agg
database+=("${as[@]}")
ingest_up ingest
aggregator_up agg-a --set Kafka:SessionTimeout=6s
aggregator_up agg-b --set Kafka:SessionTimeout=6s
api_up api "${reader[@]}"
for name in ingest agg-a agg-b api; do ready "$name" 30; done

owners() { sql "select string_agg(owner || '=' || n, ' ' order by owner) from (select owner, count(*) n from consumer_offsets group by owner) o"; }
shared() { # both own a part, by what they say themselves; by SQL too
    local a b
    a=$(metric agg-a px_consumer_partitions) b=$(metric agg-b px_consumer_partitions)
    [ "$((a + b))" -eq 10 ] && [ "$a" -gt 0 ] && [ "$b" -gt 0 ] && [ "$(owners)" = "agg-a=$a agg-b=$b" ]
}
accepted_over() { [ "$(metric ingest px_events_accepted_total)" -gt "$1" ]; }
alone() { [ "$(metric agg-a px_consumer_partitions)" = 10 ]; }
applied_over() { [ "$(folded)" -gt "$1" ]; }
no_lag() { [ "$(metric agg-a px_consumer_lag_messages)" = 0 ] && [ "$(metric agg-b px_consumer_lag_messages)" = 0 ]; }

# --- an aggregator dies in the middle -------------------------------------------------------------------

need "two aggregators share the ten partitions" within 20 shared
load_up load ingest --rate 500 --duration 15s --seed 11 --players 2000
need "events are folded in while traffic runs" within 15 applied_over 1000
send KILL agg-b
ended agg-b 5
is "SIGKILL ended one aggregator" "$status" 137
need "the other one takes over its partitions" within 20 alone
aggregator_up agg-b --set Kafka:SessionTimeout=6s
need "back again, it gets its share" within 20 shared
ended load 40
is "px-load: every request was answered as expected" "$status" 0
check "the traffic held repeats, duplicates, conflicts and faults" \
    python3 -c 'import json,sys
t = json.load(open(sys.argv[1]))
for m in ("repeats", "duplicates", "conflicts"):
    assert sum(x[m] for x in t["types"].values()) > 0, m
assert all(t["refusedByCode"].values()) and t["totalDeposits"] > t["types"]["deposit"]["counted"], t' load.truth
need "everything acknowledged is folded in" within 30 folded_is "$(truth load acked)"
check "no lag is left" within 10 no_lag
compare sums load.truth
is "refused requests are recorded as dead letters, all of them" \
    "$(metric ingest 'px_dlq_records_total{outcome="stored"}')" "$(truth load refused)"
kcat -b "$KAFKA_BOOTSTRAP" -C -t "$dlq" -e -q -D $'\x1e' >dead.bin 2>kcat.log
compare dead load.truth <dead.bin
compare api "http://127.0.0.1:$(port api server.port)" load.truth

# --- SIGTERM of ingest under 500 requests/s ---------------------------------------------------------------

before=$(metric ingest px_events_accepted_total)
load_up last ingest --rate 500 --duration 20s --seed 12 --players 2000 --ids last.ids
need "traffic runs again" within 15 accepted_over $((before + 1500))
send TERM ingest
ended ingest 25
is "SIGTERM ends ingest with 0 within 25 s" "$status" 0
send TERM last
ended last 25
check "the traffic went on when ingest did not listen any more" [ "$(truth last unreachable)" -gt 0 ]
is "no request that was sent stayed without an answer" "$(truth last unanswered)" 0
is "no request has an unknown fate" "$(truth last unknown)" 0
is "no answer was unexpected" "$(truth last unexpected)" 0
need "everything acknowledged is folded in" within 30 folded_is $(($(truth load acked) + $(truth last acked)))
compare ids last.ids
compare sums load.truth last.truth
for name in agg-a agg-b api; do
    send TERM "$name"
    ended "$name" 25
    is "SIGTERM ends $name with 0" "$status" 0
done
