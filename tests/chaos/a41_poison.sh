#!/usr/bin/env bash
# quick
# Rows 41 and 42: every kind of record that can never be applied, twice each, among good traffic. Each one is in the
# dead letters with its reason, none counts, its partition moves on. A newer writer's schema is one of them: without a
# registry the reader knows one schema, and what it does not know waits in the dead letters.
# shellcheck source=tests/chaos/a_common.sh
. "$(dirname "$0")/a_common.sh"
copies_expected=1
stand 1 1 1
visits() { dump "$topic" | python3 "$chaos/a_records.py" poison "$work/poison" >"$work/poison.list" 2>"$work/poison.log"; }
letters() { dump "$dlq" | python3 "$chaos/a_records.py" letters; }
dead_is() { [ "$(account dead_lettered)" = "$1" ]; }

traffic load 300 60
mkdir "$work/poison"
need "a visit to spoil was found" within 20 visits
inject "broken records of every kind, to every partition"
at=0
reasons=()
while IFS=$'\t' read -r name reason file; do
    for copy in 1 2; do
        put $((at++ % partitions)) "poison-$name-$copy" "$file"
        reasons+=("$reason")
    done
done <"$work/poison.list"
for copy in 1 2; do
    printf 'tombstone:\n' | kcat -b "$broker_list" -P -t "$topic" -p $((at++ % partitions)) -K: -Z
    printf 'empty:\n' | kcat -b "$broker_list" -P -t "$topic" -p $((at++ % partitions)) -K:
    reasons+=(null_message bad_frame)
done
head -c 60 "$work/poison/text" | kcat -b "$broker_list" -P -t "$topic" -p 0 # no key at all
reasons+=(bad_frame)
mark
heal "all of it is in the log"
recovered 30 dead_is "${#reasons[@]}"
within 20 all_moved
tap $? "every partition has moved on"
put 5 '' "$work/poison/good" # a good event with an empty key: the key is not what it is judged by
is "the metric counts them" "$(metric agg-1 px_dlq_events_total)" "${#reasons[@]}"
send TERM load
traffic_end load
settled 60
is "each is in the dead letters with its reason" "$(letters)" \
    "$(printf '%s\n' "${reasons[@]}" | sort | uniq -c | sed 's/^ *//' | sort -k 2)"
is "the good one with an empty key was a copy" "$(account dead_lettered)" "${#reasons[@]}"
accounts_hold
is "the aggregator was never restarted" "$(restarts agg-1)" 0
ledger --expect-dead "${#reasons[@]}"
is "the good one is the only copy" "$copies" 1
row 41 "poison of ${#reasons[@]} records" 15
row 42 "schema that the reader does not know" 15
