#!/usr/bin/env bash
# Row 45: the topic grows from 10 to 20 partitions under load. The new ones are found within a minute, from their
# first offset on, by ingest and by both aggregators; the sums stay exact.
# shellcheck source=tests/chaos/a_common.sh
. "$(dirname "$0")/a_common.sh"
stand 1 1 2
all_used() { [ "$(sql 'select count(*) from consumer_offsets where next_offset > 0')" = 20 ]; }

traffic load 300 110
need "events are folded in" within 30 sql_over 300
inject "10 partitions become 20"
check "the topic is altered" kafka_sh tool "$work/kafka" org.apache.kafka.tools.TopicCommand \
    --bootstrap-server "$KAFKA_BOOTSTRAP" --alter --topic "$topic" --partitions 20
partitions=20
heal "the topic has 20"
recovered 90 all_used
mark
within 20 all_moved
tap $? "all twenty partitions move on"
is "the new ones begin with their first event" "$(sql 'select sum(first_offset) from partition_ledger')" 0
send TERM load
traffic_end load
nothing_left_out
is "nobody was restarted" "$(restarts ingest-1) $(restarts agg-1) $(restarts agg-2)" "0 0 0"
row 45 "partitions grow under load" 60
