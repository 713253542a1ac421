#!/usr/bin/env bash
# The disk of the database is full: nothing can be added, what is there can be read. The aggregator tries again
# and goes on by itself when there is room. Needs root, for a small file system of its own.
# shellcheck source=tests/chaos/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/chaos/sql.sh
. "$chaos/sql.sh"

small=$work/small
mkdir "$small"
if ! mount -t tmpfs -o size=24m,mode=777 tmpfs "$small" 2>>"$work/mount.log"; then
    tap 0 "a full disk # SKIP no file system can be mounted here"
    exit 0
fi
at_end "umount -l $small"
mkdir "$small/space"
[ "$(id -u)" -ne 0 ] || chown postgres "$small/space"
aggregator=(env PGAPPNAME=agg-1 "$bin/svc-aggregator")
stand 1 1 1
sql_quietly "create tablespace small location '$small/space'" || die "a tablespace was made ($(tail -n 2 "$work/sql.log"))"
sql_quietly 'alter table events set tablespace small; alter index events_pkey set tablespace small'
traffic load 300 150
need "events are applied" within 30 folded_more 500
failed_times() { [ "$(log_since agg-1 "$lines" | grep -c "$2")" -ge "$1" ]; } # number pattern

lines=$(log_lines agg-1) failed=$(gauge agg-1 px_sql_failures_total)
inject "file system of the table events full (53100)"
dd if=/dev/zero of="$small/filler" bs=64k 2>>"$work/mount.log"
need "nothing can be added" within 40 failed_times 2 53100
check "the aggregator names the remedy" says agg-1 "$lines" sql.transaction_failed 53100
check "the metric moves" grew "$failed" gauge agg-1 px_sql_failures_total
progress "the lag that it shows" gauge agg-1 px_consumer_lag_messages
is "the API reads on" "$(api_status)" 200
rm "$small/filler"
before=$(commits)
heal "room again"
recovered 20 grew "$before" commits
is "it was never restarted" "$(restarts agg-1)" 0
is "nothing was taken for a bad row" "$(sql 'select sum(dead_lettered) from partition_ledger')" 0
keep 29 10 "disk of the database full (53100)"

traffic_stop load
settled 60
ledger
kept_rows
