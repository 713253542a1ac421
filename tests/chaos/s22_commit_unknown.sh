#!/usr/bin/env bash
# quick
# COMMIT is sent and no answer comes: because the answer was lost (it is committed), because COMMIT was lost (it
# is not), or because the server went down with it. In each case the offsets in SQL decide, and nothing counts twice.
# shellcheck source=tests/chaos/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/chaos/sql.sh
. "$chaos/sql.sh"
[ -x "$failpoint_bin" ] || die "$failpoint_bin exists: make FAILPOINTS=1"

stops='agg.before_commit=stop@4;agg.before_commit=stop@24;agg.before_commit=stop@44'
aggregator=(env PGAPPNAME=agg-1 "PX_FAILPOINTS_AT=$stops" "$failpoint_bin")
proxied=postgres stand 1 1 1
traffic load 300 120

doubt() { # redo|done: transactions that turned out so
    curl -fsS -m 5 "http://127.0.0.1:${ports[agg-1.admin]}/metrics" |
        sed -n "s/^px_sql_doubtful_commits_total{found=\"$1\"} //p"
}
stops_before_commit() {
    need "$1: the aggregator stands before its COMMIT" within 30 frozen agg-1
    at=$(folded) lines=$(log_lines agg-1)
}
# A connection of which nobody says that it is dead: it must be found out, a new one made and the offsets read.
resolved() { # text found already
    recovered 20 grew "$3" doubt "$2"
    has "$1: the log says what was found" "$(log_since agg-1 "$lines" | grep commit_read_back)" "\"px.found\":\"$2\""
    check "$1: and before that why, with a remedy" says agg-1 "$lines" sql.transaction_failed unknown_outcome
    is "$1: it counts once" "$(said_times agg-1 "$lines" sql.commit_read_back)" 1
}

# --- row 22: the answer is lost -------------------------------------------------------------------------------------
stops_before_commit "answer lost"
inject "path server to client dies while COMMIT is on its way"
tcp postgres lose down
send CONT agg-1
heal "the cut itself: new connections pass"
need "answer lost: the server has committed" within 10 folded_more "$at"
resolved "answer lost" 'done' 0
keep 22 15 "COMMIT unknown, was committed"

# --- row 23: COMMIT is lost ---------------------------------------------------------------------------------------------
stops_before_commit "COMMIT lost"
inject "path client to server dies before COMMIT"
tcp postgres lose up
send CONT agg-1
heal "the cut itself: new connections pass"
resolved "COMMIT lost" redo 0
keep 23 15 "COMMIT unknown, was not committed"

# --- row 21: the server goes down with it -----------------------------------------------------------------------------------
stops_before_commit "server stopped"
inject "immediate restart before COMMIT"
pg restart immediate || die "PostgreSQL restarted"
send CONT agg-1
heal "restarted"
resolved "server stopped" redo 1
keep 21 15 "immediate stop in mid-COMMIT"

before=$(commits)
check "it goes on" within 20 grew "$before" commits
is "nobody else owned the partitions" "$(gauge agg-1 px_fenced_total)" 0
is "it was never restarted" "$(restarts agg-1)" 0
traffic_stop load
settled 60
ledger
kept_rows
