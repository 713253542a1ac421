#!/usr/bin/env bash
# Erasing players on a real Kafka and PostgreSQL, each program with an account of its own: while traffic is counted,
# then offsets set back by 10,000 and the whole log once more. The player must be in no table and no log of a
# service, the sums must stay, the receipt must verify, and px-ledger must call all of it exact. Last, every command
# of docs/ERASURE.md is run as it stands there.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
export KAFKA_HEAP=${KAFKA_HEAP:--Xmx384m}
erasures=ERS_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS
kafka_up
postgres_up
migrate
sed 's/replication: 3/replication: 1/; s/replicas, value: 2/replicas, value: 1/' "$root/deploy/kafka/topics.yaml" >topics.yaml
check "--topics=apply makes the topics" "$bin/svc-aggregator" "${kafka[@]}" --topics=apply --file topics.yaml
(umask 077; echo "k1 $(openssl rand -hex 32)" >erasure.keys)
keys=(--set "Erasure:KeyFile=$work/erasure.keys")
account svc_aggregator px_agg
agg_as=("${as[@]}" "${keys[@]}" --set Erasure:Every=1s)
account svc_eraser px_eraser
eraser_as=("${as[@]}" "${keys[@]}")
erase() { # arguments: what it prints is in erase.out, what it logs in erase.log, its status in $status
    "$bin/svc-aggregator" "${kafka[@]}" "${database[@]}" "${eraser_as[@]}" "$@" >"$work/erase.out" 2>"$work/erase.log"
    status=$?
}
erased() { # name arguments...
    erase "${@:2}"
    is "$1" "$status" 0 || head -c 2000 "$work/erase.log" | sed 's/^/# /'
}
rows() { # id: in how many rows of all text columns of all tables it stands
    local query
    query=$(sql "select string_agg(format('(select count(*) from %I where %I::text = %L)', table_name, column_name, '$1'), '+')
        from information_schema.columns where table_schema = 'public' and data_type in ('text', 'character varying')")
    sql "select $query"
}
totals() {
    sql "select (select sum(count) from daily_metrics), (select sum(count) from event_summary), (select sum(count) from minute_summary),
        (select sum(total_deposits) from players), (select sum(counted) from partition_ledger), (select count(*) from events)"
}
until_read() { [ "$(sql 'select sum(next_offset) from consumer_offsets')" = "$1" ]; }
most() { # n: the n-th player by deposits
    sql "select player_id from players where player_id <> '' order by total_deposits desc, player_id offset $1 limit 1"
}
agg=agg
set_back() { # by: per partition, while nobody reads
    send TERM "$agg"
    ended "$agg" 30
    sql "update consumer_offsets set next_offset = greatest(next_offset - $1, 0) where topic = '$topic'" >/dev/null
    agg=agg-$1
    aggregator_up "$agg" "${agg_as[@]}"
    ready "$agg" 60
    need "the log was read again" within 60 until_read "$end"
}
ledger() { # name options...
    "$bin/px-ledger" --kafka "$KAFKA_BOOTSTRAP" --sql-dialect postgresql --sql "$PG_CONNECTION" "${@:2}" \
        --sql-password-file "$work/postgres/password" --erasure-keys "$work/erasure.keys" --wait 30 >"$work/ledger.out" 2>&1
    has "$1" "$(cat ledger.out)" '^ledger: exact'
}

# --- while events are counted -----------------------------------------------------------------------------------

ingest_up ingest
aggregator_up agg "${agg_as[@]}"
for name in ingest agg; do ready "$name" 60; done
"$bin/svc-aggregator" "${kafka[@]}" "${database[@]}" "${agg_as[@]}" --check >check.out 2>&1
is "--check of svc-aggregator's account: no probe failed" "$?" 0
has "--check: the topic is compacted" "$(cat check.out)" "^ok +erasure.topic .* $erasures is compacted"
load_up load ingest --rate 3000 --duration 4s --seed 43 --players 200 --book "$work/book"
some() { [ "$(sql 'select count(*) from events')" -gt 1000 ]; }
need "events are counted" within 20 some
first=$(most 0)
erased "--erase-player, while they are" --erase-player "$first"
cp erase.out first.json
ended load 60
is "px-load: every request was answered as expected" "$status" 0
acked=$(truth load acked)
need "everything acknowledged is accounted for" within 30 folded_is "$acked"
is "the first player is in no table" "$(rows "$first")" 0
ledger "px-ledger: exact" --book "$work/book"
before=$(totals)
erased_before=$(sql 'select sum(erased) from partition_ledger')
is "the first player comes back" "$(get "http://127.0.0.1:$(port ingest server.port)/api/pixel/visit" -G \
    --data-urlencode "playerId=$first" -d bannerTag=back)" 200
need "... and is accounted for" within 30 folded_is "$((acked + 1))"
is "... as erased" "$(sql 'select sum(erased) from partition_ledger')" "$((erased_before + 1))"
is "... which moves nothing" "$(totals) $(rows "$first")" "$before 0"
end=$(sql 'select sum(next_offset) from consumer_offsets')
second=$(most 1)
before=$(totals)
erased "--erase-player, of one whose events are all counted" --erase-player "$second"
cp erase.out second.json
is "the second player is in no table" "$(rows "$second")" 0
is "the sums are the same" "$(totals)" "$before"
ledger "px-ledger: exact"
has "... and knows both" "$(cat ledger.out)" '2 players were erased'

# --- the log once more -------------------------------------------------------------------------------------------

check "the log holds more than 10,000 events" [ "$end" -gt 10000 ]
set_back 1000
is "offsets set back by 10,000: the sums are the same" "$(totals)" "$before"
set_back 1000000
is "the whole log: the sums are the same" "$(totals)" "$before"
is "no table holds the players" "$(rows "$first") $(rows "$second")" '0 0'
is "no log of a service holds them" "$(cat ./*.log | grep -cwF -e "$first" -e "$second")" 0
ledger "px-ledger: exact"
"$bin/svc-aggregator" "${kafka[@]}" "${database[@]}" --reconcile >reconcile.out 2>&1
has "--reconcile: exact" "$(cat reconcile.out)" '^reconcile: exact$'
for r in first second; do
    erased "--erase-verify: the receipt of the $r one" --erase-verify "$r.json"
    has "... verifies" "$(cat erase.out)" 'verified, the player is in no table'
done
check "the receipt says until when the log keeps records" \
    python3 -c 'import json; r = json.load(open("second.json")); assert r["logUntil"] > r["finishedAt"] and r["lettersUntil"] > r["logUntil"]'
erased "--erase-player, once more" --erase-player "$second"
is "... is nothing: the same receipt" "$(cat erase.out)" "$(cat second.json)"
is "... and the same sums" "$(totals)" "$before"
records=$(kcat -b "$KAFKA_BOOTSTRAP" -C -t "$erasures" -o beginning -e -q -f '%k %s\n' 2>>kcat.log)
is "the topic has a record for each" "$(wc -l <<<"$records")" 2
is "... without an id" "$(grep -cwF -e "$first" -e "$second" <<<"$records")" 0

# --- a key less ---------------------------------------------------------------------------------------------------

mv erasure.keys kept.keys
(umask 077; echo "k2 $(openssl rand -hex 32)" >erasure.keys)
erase --check
has "--check fails for a key that an erasure names" "$(cat erase.out)" '^FAIL +erasure.players .* erased with the key k1'
mv kept.keys erasure.keys

# --- the manual ----------------------------------------------------------------------------------------------------

third=$(most 0)
mkdir manual bin
printf '#!/bin/sh\nexec "%s" %s "$@"\n' "$bin/svc-aggregator" "$(printf "'%s' " "${kafka[@]}" "${database[@]}" "${eraser_as[@]}")" >bin/svc-aggregator
chmod +x bin/svc-aggregator
export PATH="$work/bin:$PATH"
cd manual || exit 1
while read -r line; do
    line=${line//player-17/$third}
    case $line in *--check*) line+=' | grep -c "^ok    erasure" | grep -qx 3' ;; esac # the account may not all the rest
    check "docs/ERASURE.md: ${line//$third/player-17}" bash -c "$line"
done < <(grep -E '^(\$ .*|svc-aggregator --erase-pending.*)' "$root/docs/ERASURE.md" | sed 's/^\$ //; s/   .*//')
cd .. || exit 1
is "the player of the manual is in no table" "$(rows "$third")" 0
for name in ingest "$agg"; do
    send TERM "$name"
    ended "$name" 30
    is "SIGTERM ends $name with 0" "$status" 0
done
