#!/usr/bin/env bash
# quick
# Rows 35 and 36 with dynamic members and the default session of 10 s: an owner that dies under load (its share is
# taken over), and one that is frozen with a batch in hand, thawed when another one owns everything (fenced).
# shellcheck source=tests/chaos/a_common.sh
. "$(dirname "$0")/a_common.sh"
[ -x "$failpoint_bin" ] || die "$failpoint_bin exists: make FAILPOINTS=1"
stand 1 1 2
shared() { [ "$(owned_by agg-1)" -gt 0 ] && [ "$(owned_by "$1")" -gt 0 ] && [ $(($(owned_by agg-1) + $(owned_by "$1"))) = 10 ]; }
fenced() { [ "$(metric zombie px_fenced_total)" -ge 1 ]; }

need "two aggregators share the partitions" within 30 shared agg-2
traffic load 300 60
need "events are folded in" within 20 sql_over 500
inject "SIGKILL of one of two aggregators"
send KILL agg-2
mark
heal "its supervisor starts it again"
recovered 40 all_moved
row_later 35 "aggregator killed, dynamic member" 15

retire agg-2
with_failpoint "agg.before_fence=stop@20" zombie
need "the zombie-to-be owns a share, and stops with a batch in hand" within 40 frozen zombie
inject "SIGSTOP of an owner for longer than its session"
mark
need "another one takes over everything" within 40 owns agg-1 10
need "and moves on" within 20 all_moved
send CONT zombie
heal "SIGCONT"
recovered 30 fenced
is "fenced once" "$(metric zombie px_fenced_total)" 1
within 10 said zombie joins_again
has "it says so, with a remedy" "$(log_of zombie joins_again)" '"fenced".*"remedy"'
need "it joins again and gets a share" within 40 shared zombie
send TERM load
traffic_end load
settled 60
accounts_hold
ledger
row_later 36 "zombie" 15
rows_now
stops zombie
