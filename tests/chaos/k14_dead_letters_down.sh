#!/usr/bin/env bash
# quick
# Row 14: the topic of dead letters is gone when the log holds records that cannot be read. Their partition waits,
# none is skipped, the others go on; ingest still refuses what is wrong. When the topic is back, so is the partition.
. "$(dirname "$0")/lib.sh"
copies_expected=1
stand
poisoned=3

at_partition() { sql "select next_offset from consumer_offsets where topic = '$topic' and partition_id = $poisoned"; }
paused() { [ "$(metric agg-1 px_consumer_paused_partitions)" = "$1" ]; }
stands_at() { [ "$(at_partition)" = "$1" ]; }
beyond() { over "$(at_partition)" "$1"; }
others() { sql "select coalesce(sum(next_offset), 0) from consumer_offsets where topic = '$topic' and partition_id <> $poisoned"; }
failed_letters() { metric ingest-1 'px_dlq_records_total{outcome="failed"}'; }
letters_failed() { over "$(failed_letters)" 0; }
end_of() { kcat -b "$broker_list" -Q -t "$1:$2:-1" 2>/dev/null | awk '{print $NF}'; }
refused() { awk -F '\t' '$1 == "o" && $5 >= 400 && $5 < 500 {n++} END {print n + 0}' "$work/$1.book"; }

traffic main 200 0
need "traffic flows" within 30 more_outcomes 400 main ok
lines=$(log_lines agg-1)
inject "the DLQ topic deleted, then three unreadable records"
kafka_sh tool "$work/kafka" org.apache.kafka.tools.TopicCommand --bootstrap-server "$broker_list" --delete \
    --topic "$dlq" >>"$work/servers.log" 2>&1 || die "the DLQ topic was deleted"
first=$(end_of "$topic" $poisoned)
printf 'no avro 1\nno avro 2\nno avro 3\n' | kcat -b "$broker_list" -P -t "$topic" -p $poisoned 2>>"$work/kcat.log"

need "the partition waits" within 60 paused 1
first=$(at_partition)
has "it says so, and what to do" "$(log_since agg-1 "$lines" | grep '"dlq.unavailable"')" '"remedy":"[^"]'
is "it says so once" "$(said agg-1 "$lines" dlq.unavailable)" 1
progress "the other partitions are folded in" others
progress "events are stored" outcomes main ok
progress "what is wrong with an event is still said" refused main
check "ingest counts the letters that it could not store" within 30 letters_failed
is "the partition has not moved meanwhile" "$(at_partition)" "$first"
is "the aggregator was not restarted" "$(restarts agg-1)" 0

kafka_topics "$partitions"
heal "the DLQ topic was made again"
recovered 60 beyond $((first + 2))
check "no partition waits any more" within 30 paused 0
traffic_end main
settled 60
is "three dead letters of that partition" "$(sql "select dead_lettered from partition_ledger where topic = '$topic' and partition_id = $poisoned")" 3
ledger --expect-dead 3
row 14 "topic of dead letters gone" 15
