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
