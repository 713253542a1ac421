#!/usr/bin/env bash
# What senders are told: the schema of events against another implementation of JSON Schema, a batch that is sent again
# against the sums in SQL, and every example of docs/COLLECTOR.md as it stands there. The broker is the dev broker:
# test_ingest_contract.sh holds the proofs against a real one.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

launch broker "$bin/px-devbroker" --topic "$topic:4" --topic "$dlq:1" --address-file broker.env
need "the dev broker is up" within 10 test -s broker.env
# shellcheck source=/dev/null
. ./broker.env
kafka=(--set "Kafka:BootstrapServers=$KAFKA_BOOTSTRAP")
cp -r "$root/schemas" . && cat >>schemas/events.yaml <<'END' # one attribute of each kind

  - type: kinds
    family: pixel
    pixel: false
    dedupe: event_id
    attributes:
      - {name: must, kind: text, max: 16, required: true}
      - {name: flag, kind: bool}
      - {name: ratio, kind: number}
      - {name: level, kind: int, min: -5, max: 99}
END
ingest_up ingest --set "Schemas:Directory=$work/schemas" --set Ack:Proof=any --set Events:ClientTime=any
ready ingest 30
url=http://127.0.0.1:$(port ingest server.port)

# --- the schema -------------------------------------------------------------------------------------------

adopt /usr/bin/python3 "$root/tests/e2e/schema_agrees.py" "$url" kinds # Debian's, which has python3-jsonschema
is "the schema: status" "$(get "$url/api/events/schema")" 200
is "the schema: its type" "$(head_field Content-Type)" application/schema+json
"$bin/svc-ingest" --print-schema --set "Schemas:Directory=$work/schemas" >printed.json
is "the schema is what --print-schema prints" "$(cat body)" "$(cat printed.json)"
tag=$(head_field ETag)
is "the schema: unchanged" "$(get "$url/api/events/schema" -H "If-None-Match: \"other\", $tag")" 304
is "the schema: changed" "$(get "$url/api/events/schema" -H 'If-None-Match: "other"')" 200

# --- the examples of the reference ------------------------------------------------------------------------

page=$root/docs/COLLECTOR.md
# What differs from run to run, and where a line ends, is no part of the comparison.
plain() {
    sed -E 's/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/ID/g; s/[0-9]{4}-[0-9-]{5}T[0-9:.]+Z/TIME/g
        s/"(partition|offset)":[0-9]+/"\1":N/g; s#(PIXEL_EVENTS)/[0-9]+/[0-9]+#\1/N/N#' | tr -d ' \n'
}
# command TAB output, a line each; in the output line ends are \001.
awk '/^```/ { open = !open; inside = open && $0 == "```"; next }
    inside && /^\$ / { if (n++) printf "\n"; printf "%s\t", substr($0, 3); next }
    inside { printf "%s\001", $0 }
    END { print "" }' "$page" >examples
check "the page has examples" test "$(wc -l <examples)" -ge 14
while IFS=$'\t' read -r command output <&4; do
    got=$(bash -c "${command//http:\/\/127.0.0.1:8080/$url}" 2>&1 </dev/null)
    is "${command:0:100}" "$(plain <<<"$got")" "$(tr '\001' '\n' <<<"$output" | plain)"
done 4<examples

recipes() { # language: the fences of it
    awk -v fence="\`\`\`$1" '/^```/ { open = !open; inside = open && $0 == fence; next } inside' "$page"
}
recipes html | grep -oE 'src="[^"]+"' | sed 's/^src="//; s/"$//; s/&amp;/\&/g' >images
is "the page has recipes" "$(wc -l <images)" 3
while read -r image <&4; do
    is "an image: $image" "$(get "${image/https:\/\/collect.example/$url}" -H 'Accept: image/*')$(stat -c ' %s' body)" "200 43"
    has "it was stored" "$(head_field X-Event-Id)" .
done 4<images
beacon=$(recipes js | sed -nE "s/^navigator.sendBeacon\(\"https:\/\/collect.example(\/[a-z\/]*)\", '(.*)'\);\$/\1 \2/p")
is "a beacon" "$(get "$url${beacon%% *}" -H 'Content-Type: text/plain;charset=UTF-8' -d "${beacon#* }")" 200

# --- a batch that is sent again counts once ---------------------------------------------------------------

sql() { sqlite3 -cmd '.timeout 5000' analytics.db "$1" 2>&1; }
again=$(grep -m 1 'Idempotency-Key: export-0412' examples | cut -f 1)
bash -c "${again//http:\/\/127.0.0.1:8080/$url}" >again.json
has "sent again it is answered as before" "$(cat again.json)" '"accepted":2,.*"clientEventId":"export-0412/1"'
"$bin/svc-aggregator" "${kafka[@]}" --migrate=up >migrate.out 2>&1 || die "the database was migrated ($(cat migrate.out))"
check "all of it is folded in" "$bin/svc-aggregator" "${kafka[@]}" "${any_port[@]}" --once
is "each item counts once" "$(sql "select client_event_id, disposition, count(*) from events where client_event_id like 'export-0412/%' group by 1, 2 order by 1, 2" | paste -sd ' ')" \
    'export-0412/0|counted|1 export-0412/0|duplicate|1 export-0412/1|counted|1 export-0412/1|duplicate|1'
is "no dry run is in the log" "$(sql "select count(*) from events where created_at < '2000'")" 0
