#!/usr/bin/env bash
# Two builds on one log and one database: an older one, built here from the history of this repository, and the
# present one. Each reads what the other wrote, with catalogs that differ by every row of the table "Evolution" in
# schemas/README.md, through a rolling upgrade and back: claims of one hold for the other, sums and ledger are exact.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
export KAFKA_HEAP=${KAFKA_HEAP:--Xmx384m}

# The older build: it writes and accepts what schemas/history/0.1.0 says, knows migrations up to 0004 and no schema
# registry. When its like is no longer in use, name a later commit here.
commit=16cb1ae4b317c8d7596f4fb5037f56b9a1853da4
older=$root/build/older/${commit:0:12}
database=(--set Sql:Dialect=sqlite --set "Sql:ConnectionString=Driver={SQLite3};Database=$work/a.db")
sql() { sqlite3 -readonly -separator ' ' -cmd '.timeout 5000' "$work/a.db" "$1" 2>&1; }

if [ "$(git -C "$root" rev-parse --is-shallow-repository)" = true ] &&
    ! git -C "$root" cat-file -e "$commit^{commit}" 2>/dev/null; then
    echo "ok 1 - two builds on one log # SKIP a shallow clone without commit ${commit:0:12}: git fetch --unshallow"
    exit 0
fi

# --- the builds and their catalogs ----------------------------------------------------------------------------

build_older() {
    git -C "$root" cat-file -e "$commit^{commit}" 2>/dev/null || {
        echo "commit $commit is not in the history here"
        return 1
    }
    mkdir -p "$older" && exec 7>"$older.lock" && flock 7 || return 1
    [ -e "$older/Makefile" ] || git -C "$root" archive "$commit" | tar -x -C "$older" || return 1
    # It is looked at through its behaviour only: no optimizer, no warnings. Nothing of the make that runs this
    # test (its variables, its jobs) is meant for that one.
    env -i "PATH=$PATH" make -s -C "$older" -j"$(nproc)" "REVISION=${commit:0:12}" OPT=-O0 \
        HARDEN= WARN= WARN_PURE= build/bin/svc-ingest build/bin/svc-aggregator build/bin/svc-metrics-api
}
build_older >"$work/older.log" 2>&1 &
building=$!
kafka_up
kafka_topics 4
wait "$building" || die "the older build: $(tail -n 5 "$work/older.log")"
has "it is the older one" "$("$older/build/bin/svc-aggregator" --version)" "${commit:0:12}"
is "it writes what version 0.1.0 wrote" "$(cd "$older/schemas" && cat ./*.yaml avro/event.avsc | sha256sum)" \
    "$(cd "$root/schemas/history/0.1.0" && cat ./*.yaml avro/event.avsc | sha256sum)"
is "the present build knows more migrations" "$(($(ls "$root"/database/sqlite/*.up.sql | wc -l) > \
    $(ls "$older"/database/sqlite/*.up.sql | wc -l)))" 1

# then: the catalog of 0.1.0, with two types more to have something to change. now: all that is safe. later: what
# is safe in an order only; the log holds events that this catalog would not take.
catalog() { mkdir -p "$1" && cp "$2"/schemas/*.yaml "$2"/schemas/avro "$1" -r && ln -sfn "$2/database" "$1/../database"; }
for c in then now back later; do mkdir -p "at-$c"; done
catalog at-then/schemas "$older"
catalog at-now/schemas "$root"
catalog at-later/schemas "$root"
catalog at-back/schemas "$older" # the older program keeps its migrations
add_types() { # file plan-rules level-rules
    cat >>"$1" <<END
  - type: gone
    family: pixel
    pixel: true
    dedupe: day
  - type: trial
    family: pixel
    pixel: true
    dedupe: day
    attributes:
      - {name: plan, kind: text, $2}
      - {name: level, kind: int, $3}
END
}
add_types at-then/schemas/events.yaml 'max: 16, required: true' 'min: 1, max: 99'
add_types at-now/schemas/events.yaml 'max: 32' 'min: 0, max: 200'
cat >>at-now/schemas/events.yaml <<'END'
  - {type: level_up, family: pixel, pixel: true, dedupe: event_id}
END
sed -i '0,/max: 256/s//max: 512/; 0,/- {name: b,/s//- {name: page, kind: text, max: 64}\n      &/' at-now/schemas/events.yaml
cat >>at-now/schemas/rollups.yaml <<'END'
  - name: visits_by_banner
    bucket: 1h
    key: [{from: banner_tag}]
    set: [{op: add, when: visit}]
END
cp at-now/schemas/events.yaml at-later/schemas/
cp at-now/schemas/*.yaml at-back/schemas/
sed -i '/name: class_summary/,/^$/d' at-back/schemas/rollups.yaml # the older program does not know where its key is from
sed -i '/type: gone/,/dedupe/d; /name: page/d; s/partitions: 10/partitions: 20/; /type: trial/,/level/{s/pixel: true/pixel: false/
    s/max: 32/max: 4, required: true/; s/min: 0, max: 200/min: 50, max: 60/
    s/- {name: plan/- {name: seat, kind: int, min: 1, max: 9, required: true}\n      &/}' at-later/schemas/events.yaml
# rollups.yaml without visits_by_banner
sed -i '/last: true/d; 0,/table: event_summary/s//&\n    last: true/' at-later/schemas/rollups.yaml
with() { schemas=(--set "Schemas:Directory=$work/at-$1/schemas"); }

# --- who runs: NAME is the build, "older" or "present", and what it does ----------------------------------------

start() { # build service catalog
    with "$3"
    local bin=$bin aggregator=("$bin/svc-aggregator") options=()
    [ "$1" = present ] || { bin=$older/build/bin aggregator=("$older/build/bin/svc-aggregator"); }
    [ "$2" != aggregator ] || options=(--set Kafka:SessionTimeout=6s)
    [ "$1 $2" != "present ingest" ] || options=(--set Events:ClientTime=any)
    "$2_up" "$1-$2" "${schemas[@]}" "${options[@]}"
}
stop() { # build service
    send TERM "$1-$2"
    ended "$1-$2" 30
    is "SIGTERM ends $1-$2 with 0" "$status" 0
}
noon=$(date -u +%FT%T.000Z) # the sender's time of every event: one day, whenever this runs
sent=0
post() { # name build json count: all of them are taken
    is "$1" "$(get "http://127.0.0.1:$(port "$2-ingest" server.port)/api/events" -H 'Content-Type: application/json' -d "[$3]") \
$(grep -oE '"accepted":[0-9]+' body)" "200 \"accepted\":$4" || head -c 600 body | sed 's/^/# /'
    sent=$((sent + $4))
}
event() { # type player banner id attributes
    printf '{"eventType":"%s","playerId":"%s","bannerTag":"%s","timestamp":"%s"%s,"attributes":{%s}}' "$1" "$2" "$3" "$noon" \
        "${4:+,\"eventId\":\"$4\"}" "${5:-}"
}
visits() { # first last banner id-prefix
    local k
    for ((k = $1; k <= $2; k++)); do printf '%s%s' "$([ "$k" = "$1" ] || echo ,)" "$(event visit "p$k" "$3" "${4:+$4$k}" '"s":"x"')"; done
}
account() { sql "select coalesce(sum($1), 0) from partition_ledger"; }
counted_of() { sql "select coalesce(sum(count), 0) from daily_metrics where event_type = '$1'"; }
read_all() { need "$1" within 30 folded_is "$sent"; }
rows=()
row() { rows+=("$1"); } # a row of the table, by the begin of its first cell: what follows runs it

# --- the older release alone; the senders of the next one begin early ---------------------------------------------

"$older/build/bin/svc-aggregator" "${kafka[@]}" "${database[@]}" --set "Schemas:Directory=$older/schemas" --migrate=up \
    >migrate.out 2>&1 || die "the older build made its schema ($(cat migrate.out))"
start older ingest then
start older aggregator then
start older api then
start present ingest now
for name in older-ingest older-aggregator older-api present-ingest; do ready "$name" 30; done
post "the older build takes events" older "$(visits 1 20 first o-)" 20
post "the present one takes events" present "$(visits 21 40 first n-)" 20
row 'add a type, an optional attribute, a rollup'
post "with an attribute that the older catalog lacks" present "$(event visit ana first '' '"page":"home"')" 1
post "of a type that it lacks" present "$(event level_up ana first '' ''),$(event level_up ben first '' '')" 2
row 'raise a `max`, lower a `min`, drop `required`'
long=$(printf 'x%.0s' {1..400})
post "beyond its limits" present "$(event visit eva first '' "\"s\":\"$long\""),$(event trial eva first '' '"level":0'),$(event trial kim first '' \
    '"level":150,"plan":"a plan of more than 16"')" 3
read_all "the older aggregator reads all of it"
is "it counts what it knows" "$(counted_of visit) $(counted_of trial)" "42 2"
is "it keeps what its catalog does not list" "$(sql "select metadata_json from events where player_id = 'ana' and event_type = 'visit'")" '{"page":"home"}'
is "and what is longer than its catalog allows" "$(sql "select length(metadata_json) from events where player_id = 'eva' and event_type = 'visit'")" 408
is "types that it does not know are dead letters" "$(account dead_lettered)" 2

# --- the upgrade: the database, then one aggregator after the other ---------------------------------------------------

with now
"$bin/svc-aggregator" "${kafka[@]}" "${database[@]}" "${schemas[@]}" --migrate=up >migrate.out 2>&1 || die "the schema was brought up to date"
post "retries of what the older one counted, through the present one" present "$(visits 1 20 first o-)" 20
read_all "the older aggregator goes on with the schema of the present one"
is "and calls them duplicates" "$(account duplicate)" 20
start present aggregator now
ready present-aggregator 30
owns_some() { [ "$(metric "$1" px_consumer_partitions)" -gt 0 ]; }
need "the present aggregator takes its share beside it" within 30 owns_some present-aggregator
need "the older one keeps one" within 30 owns_some older-aggregator
before=$(metric older-aggregator px_applied_events_total)
post "the older build takes more" older "$(visits 41 80 second o-),$(visits 1 20 first)" 60
post "the present one too" present "$(visits 81 120 second n-),$(visits 21 40 first n-)" 60
read_all "both read"
check "the present one applied some of it" [ "$(metric present-aggregator px_applied_events_total)" -gt 0 ]
check "and so did the older one" [ "$(metric older-aggregator px_applied_events_total)" -gt "$before" ]
is "claims of one hold for the other" "$(counted_of visit) $(account repeated) $(account duplicate)" "122 20 40"
start present api now
ready present-api 30
for b in older present; do
    get "http://127.0.0.1:$(port "$b-api" server.port)/api/metrics/trends/visit?startDate=${noon%T*}&endDate=${noon%T*}" >/dev/null
    has "the $b API says so" "$(cat body)" '"total":122,'
done

# --- the present release alone ---------------------------------------------------------------------------------------

stop older aggregator
post "the new type, now that aggregators know it" present "$(event level_up kim third '' ''),$(event level_up kim third '' '')" 2
post "the older build goes on writing" older "$(visits 121 140 third o-),$(visits 41 60 second o-)" 40
read_all "the present aggregator reads all of it"
is "the new type counts" "$(counted_of level_up)" 2
present_ask() { "$bin/svc-aggregator" "${kafka[@]}" "${database[@]}" "${schemas[@]}" "$@" >ask.out 2>ask.log; }
check "the letters of the older one are replayed by the present one" present_ask --dlq=replay
sent=$((sent + 2))
read_all "the copies are read"
is "and count once" "$(counted_of level_up)" 4
present_ask --dlq=replay
has "a second replay writes nothing" "$(cat ask.out)" '^replayed +0 '
hours() { sql "select coalesce(sum(value), 0) from rollup_values where rollup = 'visits_by_banner'"; }
check "the new rollup has no rows for what the older one applied" [ "$(hours)" -lt "$(counted_of visit)" ]
check "--rebuild fills them in" present_ask --rebuild
is "as many as there are visits" "$(hours)" "$(counted_of visit)"

# --- and back: the older program with the catalog of today ---------------------------------------------------------------

stop present aggregator
stop present ingest
start older aggregator back
ready older-aggregator 30
post "the older build takes the last of the new" older "$(visits 121 130 third o-),$(event trial max fourth '' \
    '"plan":"gold medal","level":1')" 11
with now
start present ingest now
ready present-ingest 30
post "the present one is back" present "$(event level_up max fourth '' ''),$(visits 141 150 fourth n-)" 11
read_all "the older aggregator reads all of it"
is "a catalog of today serves the older program" "$(counted_of level_up) $(hours)" "5 $(counted_of visit)"

# --- what is safe in an order only: the log keeps what was written before -----------------------------------------------------

stop older aggregator
post "events that the next catalog would not take" older "$(event trial leo fifth '' '"plan":"bronze"'),$(event gone leo fifth '' ''),$(event visit leo fifth '' \
    '"s":"y"')" 3
post "from the present one too" present "$(event visit mia fifth '' "\"page\":\"shop\",\"s\":\"$long\"")" 1
start present aggregator later
ready present-aggregator 30
read_all "the present aggregator reads them with that catalog"
row 'lower a `max`, raise a `min`, make an attribute `required`, add a required one'
is "limits that became narrower leave the log as it is" "$(counted_of trial)" 4
row 'remove an attribute'
has "so does an attribute that is gone" "$(sql "select metadata_json from events where player_id = 'mia'")" '"page":"shop"'
row 'remove or rename a type'
is "events of a type that is gone become dead letters" "$(account dead_lettered) $(counted_of gone)" "3 0"
row 'remove a rollup'
is "the rows of a rollup that is gone stay as they were" "$(hours)" $(($(counted_of visit) - 2))
row '`last`'
is "the order of storing changes no sum" "$(sql "select (select sum(count) from daily_metrics) = (select sum(count) from event_summary)")" 1
stop present ingest
start present ingest later
ready present-ingest 30
at=http://127.0.0.1:$(port present-ingest server.port)
refused() { # name attributes what-is-said
    is "$1" "$(get "$at/api/events" -H 'Content-Type: application/json' -d "$(event trial ana sixth '' "$2")")" 400
    has "and are told" "$(cat body)" "$3"
}
refused "senders without what became required are refused" '"seat":1,"level":55' '"field":"attributes.plan","code":"missing_field"'
refused "senders without what is new and required, too" '"plan":"free"' '"field":"attributes.seat","code":"missing_field"'
refused "senders beyond the new limits, too" '"plan":"silver","seat":1,"level":40' '"code":"too_long".*"code":"out_of_range"'
row '`pixel: false`'
is "a type without pixel has none" "$(get "$at/api/pixel/trial?playerId=ana&bannerTag=sixth&plan=free&seat=1")" 404
post "it is taken as JSON, and the attribute that is gone is dropped" present "$(event trial nat sixth '' '"plan":"free","seat":1'),$(event visit nat sixth '' '"page":"shop"')" 2
row "change a family's \`partitions\`"
read_all "a topic with fewer partitions than the catalog says is read as it is"
is "what was dropped is not there" "$(sql "select metadata_json from events where player_id = 'nat' and event_type = 'visit'")" '{}'

# --- an envelope with a field more, under an id that none of them has --------------------------------------------------------------

row 'Avro: add a field with a default'
/usr/bin/python3 "$root/tests/e2e/avro_other.py" later "$root/schemas/avro/event.avsc" >later.avsc
/usr/bin/python3 "$root/tests/e2e/avro_other.py" write later.avsc 900 later later- 1
kcat -b "$KAFKA_BOOTSTRAP" -P -t "$topic" -p 0 -k later later/* || die "a record of a later envelope was written"
sent=$((sent + 1))
read_all "it is read"
with now
present_ask --dlq=list --reason unknown_schema
is "without a registry it is kept as a dead letter until a program knows it" "$(wc -l <ask.out) $(account dead_lettered)" "1 4"

# --- a row that went too early comes back ----------------------------------------------------------------------------------------

stop present aggregator
start present aggregator now
ready present-aggregator 30
check "its letter is replayed" present_ask --dlq=replay --type gone
sent=$((sent + 1))
read_all "the copy is read"
is "and its event counts" "$(counted_of gone)" 1

# What the older one counted has no class yet.
with now
check "--rebuild parts it by class" present_ask --rebuild
is "into as many as there are" "$(sql "select (select sum(count) from class_summary) = (select sum(count) from event_summary)")" 1

# --- all of it ------------------------------------------------------------------------------------------------------------------

"$bin/px-ledger" --kafka "$KAFKA_BOOTSTRAP" --sql-dialect sqlite --sql "Driver={SQLite3};Database=$work/a.db" \
    --api "127.0.0.1:$(port present-api server.port)" --schemas "$work/at-now/schemas" --expect-dead 4 --wait 30 >ledger.out 2>&1
has "px-ledger: log, sums and accounts agree, whoever wrote and whoever counted" "$(cat ledger.out)" '^ledger: exact'
with later # whose rollups were kept all along
present_ask --reconcile
has "--reconcile agrees" "$(cat ask.out)" '^reconcile: exact$'
for s in older-ingest older-api present-ingest present-aggregator present-api; do stop "${s%-*}" "${s#*-}"; done

# --- the table and this test ---------------------------------------------------------------------------------------------------------

# Rows that are run elsewhere, and "never" rows, which the lint refuses (tests/lint/selftest.sh changes each).
row 'Avro: remove a field' # the vectors writer_earlier and writer_never_null of tests/golden/events
listed=$(awk -F '|' '/^## Evolution/ {on = 1} on && /^\| [^c]|^\| change/ && $3 !~ /^ never/ && $2 !~ /^ change +$/ {print $2}' "$root/schemas/README.md" |
    sed 's/^ *//; s/ *$//')
while IFS= read -r line; do
    covered=1
    for r in "${rows[@]}"; do [ "${line#"$r"}" = "$line" ] || covered=0; done
    tap "$covered" "schemas/README.md: $line" "no part of this test says that it runs this row"
done <<<"$listed"
is "and each part runs a row" "$(wc -l <<<"$listed")" "${#rows[@]}"
