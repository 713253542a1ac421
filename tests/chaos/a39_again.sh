#!/usr/bin/env bash
# quick
# Row 39: records arrive again: copies at the end of the log (what a producer's retry or a replayed spool leaves), and
# old ones because an operator set the offsets back, with the aggregator stopped and while it runs. No sum moves.
# shellcheck source=tests/chaos/a_common.sh
. "$(dirname "$0")/a_common.sh"
copies_expected=1
stand 1 1 0
again_of() { account 'repeated + duplicate + conflict'; }
set_back() { # records per partition
    sql "update consumer_offsets set next_offset = greatest(next_offset - $1, 0)"
}
rewound_to() { [ "$(account rewound)" = "$1" ]; }
loose agg-1
traffic load 400 8
traffic_end load
settled 60
before=$(sums) counted=$(account counted)

inject "300 copies at the end of the log"
copies_before=$(again_of)
mkdir "$work/copies"
dump "$topic" | python3 "$chaos/a_records.py" again "$work/copies" 300 >"$work/copies.list"
check "records of the log were copied" test -s "$work/copies.list"
while IFS=$'\t' read -r -a line; do put "${line[@]}"; done <"$work/copies.list"
heal "they are in the log"
level_at=''
recovered 30 level
is "300 more were repeats, duplicates or conflicts" "$(again_of)" $((copies_before + 300))
is "no sum has moved" "$(sums)" "$before"
row_later 39 "records produced twice" 15

inject "offsets set back by 100 a partition, aggregator stopped"
stops agg-1
end=$(sql_end)
set_back 100
back=$((end - $(sql_end)))
check "they were set back" [ "$back" -gt 500 ]
heal "it starts again"
loose agg-2
level_at=''
recovered 30 level
is "the ledger says so" "$(account rewound)" "$back"
is "no sum has moved" "$(sums)" "$before"
row_later 39 "offsets set back, stopped" 15

traffic more 200 40
need "the next traffic is folded in" within 20 sql_over $((end + 200))
inject "offsets set back by 60 a partition under load"
set_back 60
heal "it reads on from there"
recovered 30 rewound_to $((back + 600))
row_later 39 "offsets set back, running" 15
send TERM more
traffic_end more
settled 60
accounts_hold
is "what was counted before counts once" "$(account counted)" "$(sql 'select count(*) from dedupe_day')"
check "the new events are counted" [ "$(account counted)" -gt "$counted" ]
ledger
is "the ledger sees the copies" "$copies" 300
rows_now
stops agg-2
