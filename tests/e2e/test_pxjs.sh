#!/usr/bin/env bash
# px.js in Chromium: pages of other origins, the real svc-ingest behind a front that can stand in the way, the dev
# broker, which can be stopped, and in the end what the database holds, event by event. Whatever docs/PXJS.md shows
# is among the pages.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

launch broker "$bin/px-devbroker" --address-file "$work/broker.env" --topic "$topic:4" --topic "$dlq:4"
need "the broker is up" within 10 test -s "$work/broker.env"
# shellcheck source=/dev/null
. "$work/broker.env"
kafka=(--set "Kafka:BootstrapServers=$KAFKA_BOOTSTRAP")
connection="Driver={SQLite3};Database=$work/analytics.db"
database=(--set Sql:Dialect=sqlite --set "Sql:ConnectionString=$connection" --set "Kafka:LogId=$KAFKA_LOG_ID" --set Kafka:OnNewLog=start)
migrate
ingest_up ingest --set Kafka:MessageTimeout=500ms
aggregator_up aggregator
cat >"$work/keys.yaml" <<'X'
rates:
  - {name: slow, rate: 1, burst: 1}
sites:
  - {key: shop-7f3a91, site: shop}
  - {key: slow-7f3a91, site: slow, rate: slow}
X
ingest_up keyed --set "Keys:File=$work/keys.yaml" --set Keys:Require=site
ready keyed 15
ready ingest 15
ready aggregator 15
url=http://127.0.0.1:$(port ingest server.port)

# --- the file ------------------------------------------------------------------------------------------

is "the script" "$(get "$url/px.js")" 200
is "the script: its type" "$(head_field Content-Type)" 'text/javascript; charset=utf-8'
is "the script: no guessing" "$(head_field X-Content-Type-Options)" nosniff
is "the script: for pages of any origin" "$(head_field Cross-Origin-Resource-Policy) $(head_field Access-Control-Allow-Origin)" 'cross-origin *'
is "the script: to be kept" "$(head_field Cache-Control) $(head_field Vary)" 'public, max-age=3600 Accept-Encoding'
tag=$(head_field ETag) plain=$(sha256sum <"$work/body")
has "the script: a strong tag" "$tag" '^"[0-9a-f]{32}"$'
: >"$work/body"
is "the script: known" "$(get "$url/px.js" -H "If-None-Match: W/\"x\", $tag")$(stat -c %s "$work/body")" 3040
is "the script: known by a weak tag" "$(get "$url/px.js" -H "If-None-Match: W/$tag")" 304
is "the script: known, under its tag" "$(head_field ETag)" "$tag"
is "the script: packed" "$(get "$url/px.js?v=1" -H 'Accept-Encoding: gzip, br')$(head_field Content-Encoding)" 200gzip
size=$(stat -c %s "$work/body")
check "the script: packed it has $size bytes, at most 4096" [ "$size" -le 4096 ]
is "the script: packed are the same bytes" "$(gzip -dc <"$work/body" | sha256sum)" "$plain"
is "the script: packed under a tag of its own" "$(head_field ETag)" "${tag%\"}-gzip\""
is "the script: the other form is not known" "$(get "$url/px.js" -H 'Accept-Encoding: gzip' -H "If-None-Match: $tag")" 200
is "the script: HEAD" "$(get "$url/px.js" -I)$(head_field ETag)" "200$tag"
is "the script: POST" "$(get "$url/px.js" -d x)$(head_field Allow)" "405GET, HEAD, OPTIONS"
is "the script: a longer query is not an event" "$(get "$url/px.js?$(printf '%5000s' | tr ' ' x)")" 414

# --- the browser ---------------------------------------------------------------------------------------

adopt env TMPDIR="$work" HOME="$work" no_proxy="*" PYTHONDONTWRITEBYTECODE=1 timeout 120 /usr/bin/python3 "$root/tests/pxjs/cases.py" \
    "${url##*:}" "$(port keyed server.port)" "${pids[broker]}" "$root/docs/PXJS.md" "$work/expected.json"
has "the collector with keys did refuse for its rate" "$(metric keyed 'px_requests_denied_total{reason="key_rate"}')" '^[1-9]'
is "no long query and no script was taken for an event" "$(metric ingest 'px_events_rejected_total{reason="query_too_long"}')" 0
has "requests for the script are counted" "$(metric ingest 'px_http_requests_total{route="script",class="2xx"}')" '^[1-9]'

# --- the database --------------------------------------------------------------------------------------

check "px-ledger: every event of the log is counted once" "$bin/px-ledger" --kafka "$KAFKA_BOOTSTRAP" --log-id "$KAFKA_LOG_ID" \
    --sql-dialect sqlite --sql "$connection" --wait 30
adopt env PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$root/tests/pxjs/stored.py" "$work/analytics.db" "$work/expected.json"
send TERM ingest
ended ingest 25
is "SIGTERM ends ingest with 0" "$status" 0
