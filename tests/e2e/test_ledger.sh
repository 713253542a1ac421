#!/usr/bin/env bash
# px-ledger on real servers: exact on a small run, and able to fail. Each violation is made by hand, must be
# reported in its class, alone or with those that follow from it, and is undone before the next. Then the same
# checker on the dev broker and SQLite.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
export KAFKA_HEAP=${KAFKA_HEAP:--Xmx384m}

kafka_up
kafka_topics
postgres_up
migrate
ingest_up ingest
aggregator_up agg
api_up api
for name in ingest agg api; do ready "$name" 60; done
account checker px_verify # all that the checker may do is read
where=(--kafka "$KAFKA_BOOTSTRAP" --sql-dialect postgresql --sql "${PG_CONNECTION/Username=px/Username=checker}"
    --sql-password-file "$work/postgres/password")

asks() { # options...: the checker; its words are in ledger.out, its status in $status
    nice "$bin/px-ledger" "${where[@]}" "$@" >"$work/ledger.out" 2>&1
    status=$?
}
classes() { sed -nE 's/^VIOLATION ([a-z_]+):.*/\1/p' "$work/ledger.out" | paste -sd ' '; }
exact() { # name options...
    local name=$1
    shift
    asks "$@"
    is "$name" "$status $(tail -n 1 "$work/ledger.out")" "0 ledger: exact" || sed 's/^/# /' "$work/ledger.out"
}
found() { # name classes options...: exit 1 with exactly these classes, in the order of the ways
    local name=$1 want=$2
    shift 2
    asks "$@"
    is "$name" "$status: $(classes)" "1: $want" || sed 's/^/# /' "$work/ledger.out" | head -n 40
}

# --- exact -------------------------------------------------------------------------------------------------

load_up load ingest --rate 150 --duration 8s --seed 31 --players 300 --book "$work/load.book"
applied_some() { [ "$(folded)" -gt 100 ]; }
need "events are applied while traffic runs" within 30 applied_some
for n in first second; do exact "exact while events arrive, $n time" --live --book load.book; done
ended load 60
is "px-load: every request was answered as expected" "$status" 0
book=(--book load.book)
api=(--api "127.0.0.1:$(port api server.port)")
exact "a quiet run is exact, in all five ways" "${book[@]}" "${api[@]}" --rejects-exact --expect-dead 0 \
    --wait 60 --json ledger.json
has "nothing was left out" "$(grep -c '^note:' ledger.out)" '^0$'
check "the result for programs agrees with SQL" python3 -c 'import json,sys
r = json.load(open("ledger.json"))
assert r["result"] == "exact" and r["violations"] == 0 and r["classes"] == [], r
assert [r["records"], r["counted"]] == [int(v) for v in sys.argv[1:]], r' \
    "$(folded)" "$(sql 'select sum(count) from daily_metrics')"
exact "without a book and without the API it says what is not compared"
is "and that in two notes" "$(grep -c '^note:' ledger.out)" 2

# --- usage -------------------------------------------------------------------------------------------------

asks --log-id nobody
is "a log that SQL does not know is a wrong call" "$status" 64
has "with the remedy" "$(cat ledger.out)" '--topic and --log-id name'
asks --book nowhere
is "a book that is not there is a wrong call" "$status" 64
asks --no-such-option
is "an unknown option is a wrong call" "$status" 64
asks --topic EVT_NONE
is "so is a topic that is not there" "$status" 64
asks --topic "$dlq"
is "and one that SQL does not know" "$status" 64
asks --sql "${PG_CONNECTION/Port=$PG_PORT/Port=1}"
is "a database that cannot be reached: 69" "$status" 69
asks --api 127.0.0.1:1
is "an API that cannot be reached: 69" "$status" 69

# --- SQL: each table is kept aside, changed, and put back ------------------------------------------------------

tables=(events daily_metrics event_summary class_summary minute_summary players consumer_offsets partition_ledger)
send TERM agg # its idle progress would write to consumer_offsets
ended agg 30
is "the aggregator stops" "$status" 0
for t in "${tables[@]}"; do sql "create table kept_$t as select * from $t" >/dev/null; done
tampered() { # name classes statement [options...]
    local name=$1 want=$2 statement=$3 done_ t
    shift 3
    done_=$(sql "$statement" 2>&1)
    [ -z "$done_" ] || tap 1 "$name: the statement" "$done_"
    found "$name" "$want" "$@"
    for t in "${tables[@]}"; do sql "begin; truncate $t; insert into $t select * from kept_$t; commit" >/dev/null; done
}
first_event="select id from events order by id limit 1"
one() { echo "select id from events where disposition = '$1' order by id limit 1"; } # disposition

tampered "a raw row is gone" missing_in_sql "delete from events where id = ($first_event)" "${book[@]}"
has "its witness has the book's lines" "$(cat ledger.out)" 'book load.book:[0-9]+ request'
has "and its place in the log" "$(cat ledger.out)" 'log  partition [0-9]+ offset [0-9]+ received'
has "and says that SQL has none" "$(cat ledger.out)" 'sql  events: no row'
tampered "a raw row that no log holds" phantom_in_sql \
    "insert into events select '00000000-0000-7000-8000-000000000001', player_id, event_type, banner_tag, metadata_json,
     source_ip, user_agent, created_at, client_event_id, session_id, received_at, disposition, class, partition, \"offset\", class_reason
     from events where id = ($first_event)"
tampered "a raw row twice" doubled_in_sql \
    "alter table events drop constraint events_pkey; insert into events select * from events where id = ($first_event)"
sql "alter table events add primary key (id)" >/dev/null
tampered "a wrong disposition" disposition_differs \
    "update events set disposition = 'repeat' where id = ($(one counted))"
tampered "a duplicate that counts" disposition_differs \
    "update events set disposition = 'counted' where id = ($(one duplicate))"
tampered "a disposition that there is not" "disposition_differs row_differs" \
    "update events set disposition = 'perhaps' where id = ($first_event)"
for column in player_id event_type banner_tag client_event_id metadata_json class; do
    tampered "another $column" row_differs "update events set $column = 'other' where id = ($first_event)"
done
tampered "another time" row_differs \
    "update events set created_at = created_at + interval '1 microsecond' where id = ($first_event)"
tampered "another place" row_differs "update events set \"offset\" = \"offset\" + 1 where id = ($first_event)"

tampered "a daily count too many" daily_differs "update daily_metrics set count = count + 1 where event_type = 'visit'"
has "the witness has both numbers" "$(cat ledger.out)" 'visit .*SQL says [0-9]+, its events are [0-9]+'
tampered "a daily row too many" daily_differs "insert into daily_metrics values ('2020-01-01', 'visit', 1)"
tampered "a daily row gone" daily_differs "delete from daily_metrics where event_type = 'deposit'"
tampered "a banner's count" event_summary_differs \
    "update event_summary set count = count + 1 where ctid = (select min(ctid) from event_summary)"
tampered "a class that it was not" class_summary_differs \
    "update class_summary set traffic_reason = 'ua:other' where ctid = (select min(ctid) from class_summary)"
tampered "a minute's count" minute_summary_differs \
    "update minute_summary set count = count - 1 where ctid = (select min(ctid) from minute_summary)"
player="player_id = (select min(player_id) from players where deposit_at is not null)"
for change in "total_deposits = total_deposits + 1" "first_seen = first_seen - interval '1 s'" "last_event_at = null" \
    "registration_at = '2020-01-01'" "deposit_at = deposit_at + interval '1 s'" "player_id = 'nobody'"; do
    tampered "a player's ${change%% =*}" player_differs "update players set $change where $player"
done
tampered "a player's row gone" player_differs "delete from players where $player"

busiest="partition_id = (select partition_id from consumer_offsets order by next_offset desc limit 1)"
tampered "an offset set back" "offset_behind offsets_disagree" \
    "update consumer_offsets set next_offset = next_offset - 1 where $busiest"
tampered "an offset set forward" "offset_ahead offsets_disagree" \
    "update consumer_offsets set next_offset = next_offset + 1 where $busiest"
tampered "a ledger set back" "offsets_disagree identity_broken partition_ledger_differs" \
    "update partition_ledger set next_offset = next_offset - 1 where $busiest"
tampered "both set back: rows that SQL has not reached" \
    "ahead_in_sql daily_differs event_summary_differs class_summary_differs minute_summary_differs player_differs offset_behind identity_broken partition_ledger_differs" \
    "update partition_ledger set next_offset = first_offset where $busiest;
     update consumer_offsets set next_offset = 0 where $busiest" --expect-dead 0
tampered "a column that breaks the identity" "identity_broken partition_ledger_differs" \
    "update partition_ledger set hole = hole + 1 where $busiest"
tampered "columns that are exchanged" partition_ledger_differs \
    "update partition_ledger set counted = counted - 1, repeated = repeated + 1 where $busiest"
tampered "an event booked as a hole" partition_ledger_differs \
    "update partition_ledger set counted = counted - 1, hole = hole + 1 where $busiest"
tampered "a partition without an offset" "missing_in_sql partition_missing" \
    "delete from consumer_offsets where $busiest; delete from events where ctid = (select max(ctid) from events)"
tampered "nothing was applied" "missing_in_sql daily_differs event_summary_differs class_summary_differs minute_summary_differs player_differs" \
    "truncate events, daily_metrics, event_summary, class_summary, minute_summary, players"
exact "everything is put back" "${book[@]}"

# --- the book ------------------------------------------------------------------------------------------------

id=$(sql "$(one counted)")
altered() { # name classes awk-program
    awk -F '\t' -v OFS='\t' -v id="$id" "$3" load.book >altered.book
    found "$1" "$2" --book altered.book
}
altered "an answer 200 that the log does not know" acked_lost '{print} END {
    print "i", 999999, 1, "ok", "visit", "load31-p1", "load31-b01", "-"
    print "o", 999999, 2, "ok", 200, "00000000-0000-7000-8000-000000000002", "2026-11-21T10:00:00Z", "-"}'
altered "an event that was answered as not stored" phantom \
    '$1 == "o" && $6 == id {$4 = "no"; $5 = 503; $8 = "log_unavailable"} {print}'
altered "an event whose sender never meant it" "phantom content_differs" \
    'NR == FNR && $1 == "i" && $4 == "ok" && $8 == "-" && !done {$6 = "load31-p999999"; done = 1} {print}'
altered "an event that nobody has written down" phantom '$1 == "i" && $4 == "ok" && !n {n = $2}
    n != "" && $2 == n && NR > 1 {next} {print}'
altered "another client event id" "phantom content_differs" \
    '$1 == "i" && $4 == "ok" && $8 != "-" && !done {$8 = "load31-other"; done = 1} {print}'
altered "a good request that was refused" "wrong_answer" '{print} END {
    print "i", 999999, 1, "ok", "visit", "load31-p1", "load31-b01", "-"
    print "o", 999999, 2, "no", 400, "-", "-", "missing_field"}'
altered "a bad request that was refused for another reason" "wrong_answer" '{print} END {
    print "i", 999999, 1, "missing_field", "visit", "-", "load31-b01", "-"
    print "o", 999999, 2, "no", 400, "-", "-", "too_long"}'
altered "two answers to one request" book_broken '{print} $1 == "o" && !done {print; done = 1}'
awk -F '\t' '$1 != "o" || $6 == "-" || NR % 7' load.book >altered.book
exact "answers that got lost promise nothing" --book altered.book
{ cat load.book && printf 'i\t9999'; } >altered.book
exact "a line that its writer could not end is ignored" --book altered.book

# --- dead letters ----------------------------------------------------------------------------------------------

# A record that nobody can decode: the aggregator writes its letter and goes on behind it.
printf 'not an event' | kcat -P -b "$KAFKA_BOOTSTRAP" -t "$topic" -p 3 2>kcat.log || die "kcat wrote a record"
found "a record beyond SQL's offset" "offset_behind" "${book[@]}" --expect-dead 1
aggregator_up agg
ready agg 60
exact "a dead record with its letter is exact" "${book[@]}" --expect-dead 1 --wait 60
found "more dead than expected" dead_count --expect-dead 0
check "a topic without letters" kafka_sh topic "$work/kafka" DLQ_EMPTY 1
found "the letter is gone" dead_letter_missing --dlq DLQ_EMPTY
kcat -C -b "$KAFKA_BOOTSTRAP" -t "$dlq" -e -q -D '' -f '%s\036' >letters.bin 2>>kcat.log
python3 - <<'END'
letter = [r for r in open("letters.bin", "rb").read().split(b"\x1e") if b"not an event" in r]
assert len(letter) == 1, letter
open("letter.other", "wb").write(letter[0].replace(b"bad_frame", b"bad_freme"))
END
check "a letter with another reason" kcat -P -b "$KAFKA_BOOTSTRAP" -t DLQ_EMPTY -p 0 letter.other
found "the letter says something else" dead_letter_differs --dlq DLQ_EMPTY
found "refused requests without letters" "dead_letter_differs rejects_differ" --dlq DLQ_EMPTY "${book[@]}" --rejects-exact
send TERM agg
ended agg 30
offset=$(sql "select next_offset - 1 from consumer_offsets where partition_id = 3")
for t in events consumer_offsets partition_ledger; do
    sql "drop table kept_$t; create table kept_$t as select * from $t" >/dev/null
done
tampered "a dead record that was counted too" "phantom_in_sql" \
    "insert into events select '00000000-0000-7000-8000-000000000003', player_id, event_type, banner_tag, metadata_json,
     source_ip, user_agent, created_at, client_event_id, session_id, received_at, disposition, class, 3, $offset
     from events where id = ($first_event)"
has "its witness says what stands there" "$(cat ledger.out)" 'cannot be counted'

# --- the log: what is written there stays, so these come last ------------------------------------------------------

aggregator_up agg
ready agg 60
kcat -C -b "$KAFKA_BOOTSTRAP" -t "$topic" -p 0 -o 0 -c 1 -e -q -D '' -f '%s' >record.bin 2>>kcat.log
check "a record again, as a producer without idempotence would write it" \
    kcat -P -b "$KAFKA_BOOTSTRAP" -t "$topic" -p 0 record.bin
exact "a copy is no violation: it counts as what it is" "${book[@]}" --wait 60
has "it is said" "$(cat ledger.out)" '^copies: 1 records'
# In which order partitions are read says nothing about which of the copies came first.
for p in {1..9}; do
    kcat -P -b "$KAFKA_BOOTSTRAP" -t "$topic" -p "$p" record.bin || die "kcat wrote"
done
exact "nor are copies in other partitions" "${book[@]}" --wait 60
has "they are said" "$(cat ledger.out)" '^copies: 10 records'
python3 - <<'END'
r = open("record.bin", "rb").read()
open("forged.bin", "wb").write(r[:6] + bytes([r[6] ^ 1]) + r[7:])
at = r.index(b"load31-b") + 6 # in the banner's name
open("other.bin", "wb").write(r[:at] + b"+" + r[at + 1:])
END
check "another record under an id that is taken" kcat -P -b "$KAFKA_BOOTSTRAP" -t "$topic" -p 0 other.bin
found "two records with one event id" id_reused "${book[@]}" --wait 60
check "an event that no client sent" kcat -P -b "$KAFKA_BOOTSTRAP" -t "$topic" -p 0 forged.bin
found "an event that no client sent" "id_reused phantom" "${book[@]}" --wait 60

# --- the dev broker and SQLite ---------------------------------------------------------------------------------------

for name in ingest agg; do
    send TERM "$name"
    ended "$name" 30
    is "SIGTERM ends $name with 0" "$status" 0
done
launch broker "$bin/px-devbroker" --address-file "$work/broker.env" --topic "$topic:10" --topic "$dlq:10"
need "the dev broker is there" within 20 test -s "$work/broker.env"
# shellcheck source=/dev/null
. "$work/broker.env"
file="Driver={SQLite3};Database=$work/analytics.db"
kafka=(--set "Kafka:BootstrapServers=$KAFKA_BOOTSTRAP")
database=(--set Sql:Dialect=sqlite --set "Sql:ConnectionString=$file")
where=(--kafka "$KAFKA_BOOTSTRAP" --log-id "$KAFKA_LOG_ID" --sql-dialect sqlite --sql "$file")
migrate
ingest_up ingest2
aggregator_up agg2 --set "Kafka:LogId=$KAFKA_LOG_ID"
api_up api2
for name in ingest2 agg2 api2; do ready "$name" 60; done
load_up light ingest2 --rate 200 --duration 3s --seed 32 --players 200 --book "$work/light.book"
ended light 60
exact "SQLite and the dev broker are exact too" --book light.book --api "127.0.0.1:$(port api2 server.port)" \
    --rejects-exact --expect-dead 0 --wait 60
has "with nothing left out" "$(grep -c '^note:' ledger.out)" '^0$'
found "the API of another database" api_differs "${api[@]}"
sqlite3 "$work/analytics.db" "update daily_metrics set count = count + 1 where event_type = 'visit'" || die "sqlite3 wrote"
found "and a count too many is found, which the API repeats" daily_differs --book light.book \
    --api "127.0.0.1:$(port api2 server.port)"
