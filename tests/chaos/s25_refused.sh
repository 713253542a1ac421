#!/usr/bin/env bash
# Statements that fail while the server is well: rows that it refuses, locks that others hold, deadlocks, a
# server that is too slow. A refused row is found and put aside, the rest waits and goes on.
# shellcheck source=tests/chaos/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/chaos/sql.sh
. "$chaos/sql.sh"

aggregator=(env PGAPPNAME=agg-1 "$bin/svc-aggregator")
api_options=(--set Sql:StatementTimeout=1s --set Sql:LockTimeout=5s)
stand 1 1 1 --set Sql:LockTimeout=2s --set Sql:StatementTimeout=3s
traffic load 200 150 --players 60
need "events are applied" within 30 folded_more 500
dead() { sql 'select coalesce(sum(dead_lettered), 0) from partition_ledger'; }
failures() { gauge agg-1 px_sql_failures_total; }
failed_times() { [ "$(log_since agg-1 "$lines" | grep -c "$2")" -ge "$1" ]; } # number pattern

# --- row 25: a constraint and a trigger refuse one player's rows ----------------------------------------------
player=$(sql "select player_id from events group by 1 order by count(*) desc, 1 limit 1")
other=$(sql "select player_id from events where player_id <> '$player' group by 1 order by count(*) desc, 1 limit 1")
lines=$(log_lines agg-1)
inject "a CHECK refuses one player, a trigger another"
sql_quietly "alter table players add constraint not_him check (player_id <> '$player') not valid"
sql_quietly "create function not_her() returns trigger language plpgsql as \$\$ begin
    if new.player_id = '$other' then raise exception 'not her'; end if; return new; end \$\$;
    create trigger not_her before insert on events for each row execute function not_her()"
at=$(sql 'select coalesce(sum(next_offset), 0) from consumer_offsets')
need "refused rows end as dead letters" within 40 grew 4 dead
check "the aggregator names the remedy" says agg-1 "$lines" sql.transaction_failed 'constraint or trigger'
progress "the others are applied" folded
is "it runs on, nothing was restarted" "$(restarts agg-1)" 0
sql_quietly 'alter table players drop constraint not_him'
sql_quietly 'drop trigger not_her on events'
before=$(commits)
heal "constraint and trigger dropped"
recovered 15 grew "$before" commits
check "offsets moved past them" [ "$(sql 'select sum(next_offset) from consumer_offsets')" -gt "$at" ]
keep 25 10 "constraint and trigger refuse rows"

# --- row 26: another writer ----------------------------------------------------------------------------------------
lines=$(log_lines agg-1) refused=$(failures)
inject "another session takes the rows the other way round"
for ((i = 1; i <= 5; i++)); do # whoever waits longer finds the deadlock; one of a few times it is the aggregator
    sql_quietly "begin; update daily_metrics set count = count; select pg_sleep(0.6);
        update consumer_offsets set owner = owner; commit"
    if failed_times 1 40P01; then break; fi
done
check "the aggregator was the victim of a deadlock" failed_times 1 40P01
check "and named the remedy" says agg-1 "$lines" sql.transaction_failed 40P01
check "the metric moved" grew "$refused" failures
before=$(commits)
heal "the other session is gone"
recovered 15 grew "$before" commits
keep 26 10 "deadlock with another writer"

lines=$(log_lines agg-1) refused=$(failures)
inject "another session holds the sums"
hold rival 'begin; lock table daily_metrics in exclusive mode;'
need "locks time out" within 30 failed_times 2 55P03
check "the aggregator names the remedy" says agg-1 "$lines" sql.transaction_failed 55P03
check "the metric moves" grew "$refused" failures
check "who reads is not disturbed" api_is 200
let_go rival
before=$(commits)
heal "the locks are free"
recovered 15 grew "$before" commits
keep 26 10 "lock timeout by another writer"

# --- row 28: slow --------------------------------------------------------------------------------------------------------
lines=$(log_lines agg-1) memory=$(rss_kib agg-1)
inject "every row of the sums takes 20 s; nobody may read them"
sql_quietly "create function slow() returns trigger language plpgsql as \$\$ begin
    perform pg_sleep(20); return new; end \$\$;
    create trigger slow before insert on minute_summary for each row execute function slow()"
need "statements time out" within 30 failed_times 1 57014
check "the aggregator names the remedy" says agg-1 "$lines" sql.transaction_failed 57014
consumed=$(gauge agg-1 px_consumed_messages_total)
progress "the lag that it shows" gauge agg-1 px_consumer_lag_messages
need "it tries again" within 30 failed_times 3 57014
is "it does not read on meanwhile" "$(gauge agg-1 px_consumed_messages_total)" "$consumed"
hold reader 'begin; lock table daily_metrics in access exclusive mode;'
is "the API answers 504 to what takes too long" "$(api_status)" 504
has "as a problem document" "$(cat "$work/head")" 'application/problem\+json'
let_go reader
check "memory stays flat" [ "$(rss_kib agg-1)" -lt $((memory + memory / 4 + 8192)) ]
sql_quietly 'drop trigger slow on minute_summary'
before=$(commits)
heal "as fast as before"
recovered 20 grew "$before" commits
keep 28 10 "slow database"
is "it was never restarted" "$(restarts agg-1)" 0

traffic_stop load
settled 60
theirs() { # acknowledged records of the two, by the book
    awk -F '\t' -v a="$player" -v b="$other" '$1 == "i" && ($6 == a || $6 == b) {his[$2]}
        $1 == "o" && $4 == "ok" && $2 in his {n++} END {print n + 0}' load.book
}
is "only rows of those two were refused" "$(dead)" \
    "$(($(theirs) - $(sql "select count(*) from events where player_id in ('$player', '$other')")))"
ledger --expect-dead "$(dead)"
kept_rows
