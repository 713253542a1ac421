#!/usr/bin/env bash
# Adding an event type is one row in events.yaml, adding a rollup of a known shape one row in rollups.yaml:
# nothing else is touched, nothing is built, and both work from the request to the answer.
. "$(dirname "$0")/lib.sh"

cp -r "$root/schemas" "$root/database" "$work" || die "schemas and migrations were copied"
cat >>"$work/schemas/events.yaml" <<'ROW'

  - type: signup
    family: pixel
    pixel: true
    dedupe: day
    attributes:
      - {name: plan, kind: text, max: 16}
ROW
cat >>"$work/schemas/rollups.yaml" <<'ROW'

  - name: signups_by_banner
    bucket: 1h
    key: [{from: banner_tag}]
    set: [{op: add, when: signup}]
ROW

launch broker "$bin/px-devbroker" --address-file "$work/broker.env" --topic "$topic:4" --topic "$dlq:1"
within 10 test -s "$work/broker.env" || die "the dev broker started"
# shellcheck source=/dev/null
. "$work/broker.env"
rows=(--set "Schemas:Directory=$work/schemas")
kafka=(--set "Kafka:BootstrapServers=$KAFKA_BOOTSTRAP")
database=(--set Sql:Dialect=sqlite --set "Sql:ConnectionString=Driver={SQLite3};Database=$work/rows.db")
sql() { sqlite3 -cmd '.timeout 5000' "$work/rows.db" "$1" 2>&1; }

migrate
ingest_up ingest "${rows[@]}"
aggregator_up aggregator "${rows[@]}"
api_up api "${rows[@]}"
ready ingest 20
ready aggregator 20
ready api 20

at=http://127.0.0.1:$(port ingest server.port)
is "the new type has its pixel" "$(get "$at/api/pixel/signup?playerId=ana&bannerTag=spring&plan=gold")" 200
is "and the short path" "$(get "$at/signup?playerId=ben&bannerTag=spring")" 200
is "and is taken as JSON" "$(get "$at/api/events" -H 'Content-Type: application/json' \
    -d '{"eventType":"signup","playerId":"eva","bannerTag":"autumn","attributes":{"plan":"free"}}')" 200
is "a type that is in no row is not" "$(get "$at/api/pixel/logout?playerId=ana&bannerTag=spring")" 404
is "its attributes are limited by the row" \
    "$(get "$at/api/pixel/signup?playerId=cat&bannerTag=spring&plan=12345678901234567")" 400

within 30 folded_is 3 || die "three events were folded in ($(folded))"
today=$(date -u +%F)
is "every rollup counts it" "$(sql "SELECT count FROM daily_metrics WHERE event_type = 'signup'")" 3
is "the attribute is kept" "$(sql "SELECT metadata_json FROM events WHERE player_id = 'ana'")" '{"plan":"gold"}'

api=http://127.0.0.1:$(port api server.port)
is "the API knows its trend" "$(get "$api/api/metrics/trends/signup?from=$today&to=$today")" 200
has "with its number" "$(cat "$work/body")" '"total":3'
is "the new rollup has an address" "$(get "$api/api/metrics/rollups/signups_by_banner?from=$today&to=$today")" 200
has "with a row per banner" "$(cat "$work/body")" '"dimensions":\["autumn"\],"value":1.*"dimensions":\["spring"\],"value":2'
