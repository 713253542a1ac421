#!/usr/bin/env bash
# Dead letters from the poison to the count: 1,000 poisoned records of 29 kinds among good traffic, each with its
# letter and its reason; a catalog that gets the types that were missing; a replay, twice, while the aggregator
# runs; and px-ledger, which must call all of it exact and still find a letter that is wrong. The commands of
# docs/DEAD-LETTERS.md as they stand there are run by test_runbooks.sh.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
export KAFKA_HEAP=${KAFKA_HEAP:--Xmx384m}
poison=("python3" "$root/tests/e2e/poison.py")
unknown=300

kafka_up
kafka_topics
postgres_up
migrate
ingest_up ingest
aggregator_up agg
for name in ingest agg; do ready "$name" 60; done
catalog=()
dlq_ask() { # arguments of svc-aggregator: what it prints is in dlq.out, what it logs in dlq.log, its status in $status
    "$bin/svc-aggregator" "${kafka[@]}" "${database[@]}" "${catalog[@]}" "$@" >"$work/dlq.out" 2>"$work/dlq.log"
    status=$?
}
asked() { # name arguments...
    dlq_ask "${@:2}"
    is "$1" "$status" 0 || head -c 2000 "$work/dlq.log" | sed 's/^/# /'
}
row() { awk -v n="$1" 'index($0, n "  ") == 1 {print substr($0, 19) + 0}' "$work/dlq.out"; } # of a summary
ledger() { # name verdict-pattern options...
    "$bin/px-ledger" --kafka "$KAFKA_BOOTSTRAP" --sql-dialect postgresql --sql "$PG_CONNECTION" \
        --sql-password-file "$work/postgres/password" --wait 60 --book load.book "${@:3}" >"$work/ledger.out" 2>&1
    has "$1" "$(cat ledger.out)" "$2"
}
account() { sql "select coalesce(sum($1), 0) from partition_ledger"; }
dead_is() { [ "$(account dead_lettered)" = "$1" ]; }
dump() { # topic format
    kcat -b "$KAFKA_BOOTSTRAP" -C -t "$1" -o beginning -e -q -f "$2" 2>>kcat.log
}

# --- poison among good traffic -------------------------------------------------------------------------------

load_up load ingest --rate 150 --duration 6s --seed 41 --players 300 --book "$work/load.book"
mkdir poison
"${poison[@]}" make poison 10 96 $((unknown / 10)) >poison.list || die "poison was made"
while IFS=$'\t' read -r -a line; do
    p=${line[0]}
    kcat -b "$KAFKA_BOOTSTRAP" -X message.max.bytes=2000000 -P -t "$topic" -p "$p" -k "key-$p" "${line[@]:1}" 2>>kcat.log ||
        die "poison was written"
    printf 'tombstone:\ntombstone:\n' | kcat -b "$KAFKA_BOOTSTRAP" -P -t "$topic" -p "$p" -K: -Z
    printf 'empty:\nempty:\n' | kcat -b "$KAFKA_BOOTSTRAP" -P -t "$topic" -p "$p" -K:
done <poison.list
need "every poisoned record is in the accounts" within 60 dead_is 1000
ended load 60
is "px-load: every request was answered as expected" "$status" 0
asked "the letters are listed" --dlq=list --json
mv dlq.out letters.json
adopt "${poison[@]}" letters poison letters.json < <(dump "$topic" '%p %o %K %S\n%k%s')
ledger "the ledger is exact" '^ledger: exact' --expect-dead 1000 --rejects-exact

# --- times, as a real broker knows them -----------------------------------------------------------------------

asked "letters of the last hour" --dlq=list --since 1h --json
is "are all of them" "$(wc -l <dlq.out)" "$(wc -l <letters.json)"
middle=$(sed -nE 's/.*"at":"([^"]+)".*/\1/p' letters.json | sort | sed -n 500p)
asked "letters since the time of one of them" --dlq=list --since "$middle" --json
since=$(wc -l <dlq.out)
asked "letters until then" --dlq=list --until "$middle" --json
is "make up the whole" "$(($(wc -l <dlq.out) + since))" "$(wc -l <letters.json)"
asked "letters of a time to come" --dlq=list --since "$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)"
is "there are none" "$(wc -l <dlq.out)" 0

# --- before the catalog is mended ------------------------------------------------------------------------------

asked "statistics" --dlq=stats
is "nothing is accepted yet" "$(row replayable) $(row 'still bad')" "0 $((1000 - $(row cut)))"
is "the two records of a megabyte in each partition are cut" "$(row cut)" 20
asked "a replay of what is still bad" --dlq=replay
is "writes nothing" "$(row replayed)" 0

# --- and after it -------------------------------------------------------------------------------------------

mkdir mended
cp "$root"/schemas/*.yaml mended
ln -s "$root/database" database
cat >>mended/events.yaml <<'END'
  - {type: level_up, family: pixel, pixel: true, dedupe: day}
  - {type: bonus, family: pixel, pixel: true, dedupe: event_id}
END
catalog=(--set "Schemas:Directory=$work/mended")
send TERM agg
ended agg 30
aggregator_up agg "${catalog[@]}"
ready agg 60
before=$(sql 'select sum(count) from daily_metrics')
asked "a dry run" --dlq=replay --dry-run
is "says what would be written" "$(row replayable)" $unknown
is "and writes nothing" "$(sql 'select count(*) from dead_letter_replays')" 0
asked "the replay, while the aggregator runs" --dlq=replay
is "writes what is accepted today" "$(row replayed)" $unknown
has "and logs one line" "$(grep -c dlq.replayed dlq.log)" '^1$'
asked "a second replay" --dlq=replay
is "writes nothing again" "$(row replayed) $(row 'already replayed')" "0 $unknown"
adopt "${poison[@]}" copies $unknown < <(dump "$topic" '%p %o %K %S %h\n%k%s')
counts() { sql "select event_type || '=' || sum(count) from daily_metrics where event_type in ('level_up', 'bonus') group by event_type order by 1" | paste -sd ' '; }
counted() { [ "$(counts)" = "bonus=$((unknown / 2)) level_up=$((unknown / 2))" ]; }
check "each event counts once" within 30 counted
ledger "the ledger is exact" '^ledger: exact' --expect-dead 1000 --schemas "$work/mended"
has "it says which were dead and are valid today" "$(cat ledger.out)" "^dead: 1000 records, $unknown of them valid today;"
is "nothing else was counted" "$(sql 'select sum(count) from daily_metrics')" $((before + unknown))
is "the first ones stay dead-lettered" "$(account dead_lettered)" 1000
is "the accounts add up in every partition" "$(sql 'select count(*) from partition_ledger where next_offset -
    first_offset + rewound <> counted + repeated + duplicate + conflict + excluded + late + erased +
    dead_lettered + hole + gap')" 0

# --- a letter that is wrong is still found ----------------------------------------------------------------------

at=$(sql 'select "partition" || $$ $$ || "offset" from events e where disposition = $$counted$$ and event_type =
    $$visit$$ and exists (select from events f where f.event_type = e.event_type and f."partition" = e."partition"
    and f."offset" < e."offset") order by "offset" desc limit 1')
dump "$dlq" '%p %o %K %S\n%k%s' | python3 -c '
import sys
sys.path.insert(0, sys.argv[1])
from poison import dump, long
partition, offset = int(sys.argv[2]), int(sys.argv[3])
for _, _, _, value, _ in dump(sys.stdin.buffer):  # another letter, with another origin in the place of its own
    end = value.find(b"PIXEL_EVENTS") + 12
    if b"unknown_event_type" in value[:40] and end > 12:
        rest = value[end:]
        for _ in range(2):
            rest = rest[next(i for i, c in enumerate(rest) if c < 128) + 1:]
        sys.stdout.buffer.write(value[:end] + long(partition) + long(offset) + rest)
        break
' "$root/tests/e2e" "${at% *}" "${at#* }" >forged.bin
check "a letter for a record that was counted" kcat -b "$KAFKA_BOOTSTRAP" -P -t "$dlq" -p 0 forged.bin
ledger "the ledger finds it" '^VIOLATION dead_letter_phantom: 1:' --schemas "$work/mended"
is "and nothing else" "$(grep -c '^VIOLATION' ledger.out)" 1

for name in ingest agg; do
    send TERM "$name"
    ended "$name" 30
    is "SIGTERM ends $name with 0" "$status" 0
done
