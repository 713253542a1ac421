#!/usr/bin/env bash
# Row 41: a record batch of the log is damaged on the broker's disk, so that its checksum does not hold.
# The aggregator applies what stands before it, tries again, and stops with exit 65 naming the place.
# shellcheck source=tests/chaos/a_common.sh
. "$(dirname "$0")/a_common.sh"
stand 1 1 0
stored_at() { sql "select next_offset from consumer_offsets where partition_id = $1"; }
letters() { kcat -b "$broker_list" -Q -t "$dlq:$1:-1" | sed -nE 's/.* offset ([0-9]+)$/\1/p'; }

traffic first 200 5
traffic_end first
has "a record is marked" "$(printf 'MARKED-RECORD' | kcat -P -b "$KAFKA_BOOTSTRAP" -t "$topic" -p 3 2>&1; echo "sent $?")" 'sent 0'
marked=$(($(kcat -b "$broker_list" -Q -t "$topic:3:-1" | sed -nE 's/.* offset ([0-9]+)$/\1/p') - 1))
traffic second 200 3
traffic_end second

inject "a bit of offset $marked of partition 3 flips on the broker's disk"
kafka_sh stop "$work/kafka"
segment=$(grep -lac MARKED-RECORD "$work"/kafka/data/"$topic"-3/*.log)
sed -i 's/MARKED-RECORD/MARKED-RECORE/' "$segment"
has "it is another record now" "$(grep -ac MARKED-RECORE "$segment")" '^1$'
check "the broker starts" kafka_up
start_aggregator agg-1
within 90 halted agg-1
tap $? "the aggregator stops instead of going on behind it, or joining for ever"
is "its exit status" "$(cat "$work/agg-1.halted" 2>/dev/null)" 65
has "it names partition and offset" "$(log_of agg-1 aggregator.halted)" "partition 3, offset $marked"
has "... and the remedy" "$(log_of agg-1 aggregator.halted)" 'consumer_offsets'
is "it has tried that three times" "$(grep -c consumer.joins_again "$work/agg-1.log")" 2
is "what stands before it is applied" "$(stored_at 3)" "$marked"
accounts_hold
heal "next_offset of the partition is set behind it"
sql "update consumer_offsets set next_offset = $((marked + 1)) where partition_id = 3" >>"$work/mend.log"
start_aggregator agg-2
level_at=''
recovered 40 level
is "the ledger shows the gap" "$(account gap)" 1
accounts_hold
acked=$(awk -F '\t' '$1 == "o" && $4 == "ok"' "$work/first.book" "$work/second.book" | wc -l)
is "everything acknowledged is in SQL" "$(sql 'select count(*) from events')" "$acked"
row 41 "a damaged batch in the log" 30
