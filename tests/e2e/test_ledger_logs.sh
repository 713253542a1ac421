#!/usr/bin/env bash
# px-ledger on logs that are not simple: partitions that grew, transaction markers, offsets set back by hand,
# records that retention deleted before or after they were applied, gaps that were recorded and one that was not.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
export KAFKA_HEAP=${KAFKA_HEAP:--Xmx384m}

kafka_up
kafka_topics 4
postgres_up
migrate
where=(--kafka "$KAFKA_BOOTSTRAP" --sql-dialect postgresql --sql "$PG_CONNECTION"
    --sql-password-file "$work/postgres/password")
books=()

asks() { # options...
    nice "$bin/px-ledger" "${where[@]}" "$@" >"$work/ledger.out" 2>&1
    status=$?
}
classes() { sed -nE 's/^VIOLATION ([a-z_]+):.*/\1/p' "$work/ledger.out" | paste -sd ' '; }
exact() { # name options...
    local name=$1
    shift
    asks --wait 60 "$@"
    is "$name" "$status $(tail -n 1 "$work/ledger.out")" "0 ledger: exact" || sed 's/^/# /' "$work/ledger.out" | head -n 60
}
found() { # name classes options...
    local name=$1 want=$2
    shift 2
    asks "$@"
    is "$name" "$status: $(classes)" "1: $want" || sed 's/^/# /' "$work/ledger.out" | head -n 60
}
noted() { has "and says: $1" "$(grep '^note:' "$work/ledger.out")" "$1"; }
up() { # names
    local name
    for name; do
        case $name in ingest*) ingest_up "$name" ;; *) aggregator_up "$name" ;; esac
        ready "$name" 60
    done
}
down() { # names
    local name
    for name; do
        send TERM "$name"
        ended "$name" 30
        is "SIGTERM ends $name with 0" "$status" 0
    done
}
traffic() { # name ingest seconds: the same players, banners and ids each time
    load_up "$1" "$2" --rate 150 --duration "$3" --seed 41 --prefix same --players 60 --book "$work/$1.book"
    ended "$1" 60
    is "$1: every request was answered as expected" "$status" 0
    books+=(--book "$1.book")
}
cut_log() { # partition offset: what retention does
    printf '{"version":1,"partitions":[{"topic":"%s","partition":%d,"offset":%d}]}' "$topic" "$1" "$2" >cut.json
    need "the log forgets partition $1 below $2" kafka_sh tool "$work/kafka" org.apache.kafka.tools.DeleteRecordsCommand \
        --bootstrap-server "$KAFKA_BOOTSTRAP" --offset-json-file cut.json
}
next_of() { sql "select next_offset from consumer_offsets where partition_id = $1"; }

# --- partitions that grow: the same players and event ids go on in other partitions ----------------------------

up ingest agg
traffic first ingest 3s
exact "four partitions" "${books[@]}" --expect-dead 0
down ingest agg
need "the topic gets seven partitions" kafka_sh tool "$work/kafka" org.apache.kafka.tools.TopicCommand \
    --bootstrap-server "$KAFKA_BOOTSTRAP" --alter --topic "$topic" --partitions 7
up ingest2 agg2
traffic second ingest2 4s
exact "seven partitions, players in two of them" "${books[@]}" --expect-dead 0
has "all seven are looked at" "$(cat ledger.out)" '^log .*: 7 partitions'
check "players are in two partitions" [ "$(sql 'select count(*) from (select player_id from events group by 1 having count(distinct partition) > 1) p')" -gt 10 ]
down agg2
# An event that was counted in one partition and is said to have been counted in the other one too.
sql "create table kept as select id, disposition from events" >/dev/null
sql "update events e set disposition = 'counted' where disposition = 'repeat' and client_event_id is null and id in (
    select max(r.id::text)::uuid from events r join events c using (player_id, event_type, banner_tag)
    where r.disposition = 'repeat' and r.client_event_id is null and c.disposition = 'counted' and c.partition <> r.partition)" >/dev/null
found "counted in both" disposition_differs "${books[@]}"
sql "update events e set disposition = k.disposition from kept k where k.id = e.id" >/dev/null

# --- transaction markers: offsets without records, and records that nobody can decode ----------------------------

need "a foreign producer writes three transactions" kafka_sh tool "$work/kafka" org.apache.kafka.tools.ProducerPerformance \
    --topic "$topic" --num-records 9 --record-size 30 --throughput 2 --producer-props "bootstrap.servers=$KAFKA_BOOTSTRAP" \
    --transactional-id foreign --transaction-duration-ms 1500
up agg3
exact "markers are holes, its records dead" "${books[@]}" --expect-dead 9
has "the holes are counted" "$(cat ledger.out)" '^offsets: 7 partitions, [1-9][0-9]* holes, 0 in gaps'

# --- offsets set back by hand ----------------------------------------------------------------------------------------

down agg3
sql "update consumer_offsets set next_offset = next_offset - 30 where partition_id = 0" >/dev/null
up agg4
exact "read again, counted once" "${books[@]}"
noted "partition 0: 30 offsets were set back by hand"
is "the ledger booked them twice" "$(sql 'select rewound from partition_ledger where partition_id = 0')" 30

# --- retention behind the aggregator -----------------------------------------------------------------------------------

kcat -C -b "$KAFKA_BOOTSTRAP" -t "$topic" -p 1 -o 0 -c 1 -e -q -D '' -f '%s' >copy.bin 2>>kcat.log
check "the oldest record of the partition again" kcat -P -b "$KAFKA_BOOTSTRAP" -t "$topic" -p 1 copy.bin
exact "a copy in the log" "${books[@]}"
kept=$(next_of 1)
cut_log 1 $((kept - 20))
exact "what was applied before it was deleted is taken from SQL" "${books[@]}"
noted "rows of events belong to other logs or to offsets below"
noted "partition 1: offsets .* are not in the log any more"
sql "update daily_metrics set count = count + 1 where event_type = 'visit'" >/dev/null
found "a count too many is still found" daily_differs "${books[@]}"
sql "update daily_metrics set count = count - 1 where event_type = 'visit'" >/dev/null

# --- retention before the aggregator: a gap --------------------------------------------------------------------------------

down agg4
before=$(next_of 2)
traffic third ingest2 3s
cut_log 2 "$((before + 25))"
aggregator_up agg5
ended agg5 60
is "the aggregator halts before a gap" "$status" 65
aggregator_up agg6 --set Kafka:OnGap=record
ready agg6 60
exact "a recorded gap is no violation between log and SQL"
has "it is counted" "$(cat ledger.out)" '^offsets: 7 partitions, [0-9]+ holes, 25 in gaps'
found "but what it held was acknowledged, and is lost" acked_lost "${books[@]}"
is "all of it" "$(sed -nE 's/^VIOLATION acked_lost: ([0-9]+):.*/\1/p' ledger.out)" 25
down agg6

# --- a gap that nobody recorded ------------------------------------------------------------------------------------------------

traffic fourth ingest2 2s
sql "update consumer_offsets set next_offset = next_offset + 10 where partition_id = 3" >/dev/null
up agg7
asks --wait 60
is "offsets skipped by hand are found" "$status" 1
has "as events that SQL never got" "$(classes)" '^missing_in_sql .*partition_ledger_differs'
is "each of them" "$(sed -nE 's/^VIOLATION missing_in_sql: ([0-9]+):.*/\1/p' ledger.out)" 10
has "and the column says so" "$(cat ledger.out)" 'partition 3: gap is 10, the log shows 0'

# --- raw rows that are gone too ---------------------------------------------------------------------------------------------------

sql "delete from events where partition = 1 and \"offset\" < $((kept - 20))" >/dev/null
asks
noted "have no raw row any more: sums are only checked to be no smaller"
