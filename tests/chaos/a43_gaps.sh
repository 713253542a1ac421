#!/usr/bin/env bash
# Rows 43 and 44: the log has lost what SQL has not seen (retention), or is shorter than SQL remembers (made anew).
# The aggregator stops with exit 65 and names the offsets; told to, it records the gap and goes on.
# shellcheck source=tests/chaos/a_common.sh
. "$(dirname "$0")/a_common.sh"
stand 1 1 0
admin() { kafka_sh tool "$work/kafka" "$@" >>"$work/servers.log" 2>&1; }
lose() { # partition offset: the log begins there
    printf '{"partitions":[{"topic":"%s","partition":%d,"offset":%d}],"version":1}' "$topic" "$1" "$2" >"$work/lose.json"
    admin org.apache.kafka.tools.DeleteRecordsCommand --bootstrap-server "$KAFKA_BOOTSTRAP" --offset-json-file "$work/lose.json"
}
stored_at() { sql "select next_offset from consumer_offsets where partition_id = $1"; }
end_of() { kcat -b "$broker_list" -Q -t "$topic:$1:-1" | sed -nE 's/.* offset ([0-9]+)$/\1/p'; }

loose agg-0
traffic first 300 6
traffic_end first
settled 60
stops agg-0
traffic second 300 6
traffic_end second
from=$(stored_at 3) to=$(($(stored_at 3) + 40))
check "partition 3 holds more than that" [ "$(end_of 3)" -gt "$to" ]

inject "retention overtakes: partition 3 loses [$from,$to)"
check "the records are deleted" lose 3 "$to"
start_aggregator agg-1
within 60 halted agg-1
tap $? "the aggregator stops instead of going on behind"
is "its exit status" "$(cat "$work/agg-1.halted" 2>/dev/null)" 65
has "it names the partition and the offsets" "$(log_of agg-1 aggregator.halted)" "partition 3 .*\\[$from,$to\\)"
has "... and the remedy" "$(log_of agg-1 aggregator.halted)" 'OnGap=record'
is "nothing was read meanwhile" "$(stored_at 3) $(sql 'select count(*) from ingest_gaps')" "$from 0"
is "readiness and the rest of the platform go on" "$(readyz ingest-1)" 200
heal "Kafka:OnGap=record"
start_aggregator agg-2 --set Kafka:OnGap=record
level_at=''
recovered 40 level
is "ingest_gaps names what is lost" "$(sql 'select partition_id, from_offset, to_offset from ingest_gaps')" "3 $from $to"
is "the ledger has it" "$(account gap)" $((to - from))
has "it says so" "$(log_of agg-2 log.gap_accepted)" "\"px.partition\":3,\"px.from\":$from,\"px.to\":$to"
accounts_hold
acked=$(awk -F '\t' '$1 == "o" && $4 == "ok"' "$work/first.book" "$work/second.book" | wc -l)
is "everything acknowledged is in SQL, but for the gap" "$(sql 'select count(*) from events')" $((acked - (to - from)))
ledger_but acked_lost $((to - from))
row 43 "retention overtakes the offset" 15

retire agg-2
inject "the topic is deleted and made anew"
check "it is deleted" admin org.apache.kafka.tools.TopicCommand --bootstrap-server "$KAFKA_BOOTSTRAP" --delete --topic "$topic"
made() { kafka_sh topic "$work/kafka" "$topic" "$partitions" >>"$work/servers.log" 2>&1 && [ "$(log_end)" = 0 ]; }
within 30 made
tap $? "and made anew"
traffic third 100 4
traffic_end third
start_aggregator agg-3
within 60 halted agg-3
tap $? "the aggregator stops"
is "its exit status" "$(cat "$work/agg-3.halted" 2>/dev/null)" 65
has "it names the log and the offsets" "$(log_of agg-3 aggregator.halted)" 'partition [0-9]+ of log [^ ]+ ends at offset [0-9]+, but SQL has it folded in up to [0-9]+'
heal "Kafka:OnGap=record"
start_aggregator agg-4 --set Kafka:OnGap=record
level_at=''
recovered 40 level
accounts_hold
traffic fourth 100 4
traffic_end fourth
settled 30
acked=$((acked + $(awk -F '\t' '$1 == "o" && $4 == "ok"' "$work/third.book" "$work/fourth.book" | wc -l)))
is "what the new topic got before and afterwards is in SQL, all of it" "$(sql 'select count(*) from events')" $((acked - (to - from)))
ledger_but acked_lost $((to - from))
row 44 "topic made anew" 30
