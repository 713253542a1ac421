#!/usr/bin/env bash
# Is the ledger worth believing? Each planted defect of px/defect.h runs in the scenario that shows it, on a
# real Kafka and PostgreSQL, and px-ledger must name it; the same scenario with the same programs and no defect
# must be exact. Here: svc-aggregator and its transaction. One log serves all: every run applies it to a database of
# its own. test_defects_log.sh has those where the log itself is disturbed. Wants a build with DEFECTS=1 (make defects).
# shellcheck source=tests/defects/lib.sh
. "$(dirname "$0")/lib.sh"

# --- scenarios -------------------------------------------------------------------------------------------------------

replayed() { # name defects: offsets set back by an operator, and everything read once more
    plain "$1" ''
    sql 'update consumer_offsets set next_offset = 0' >>"$work/servers.log"
    aggregate "$1_again" "$2" --once --set Batch:MaxEvents=200
    drained "$1_again"
}
overtaken() { # name defects: stopped with the log in hand until somebody else has applied it; dies after its commit
    on_database "$1"
    failpoints='agg.before_fence=stop;agg.after_commit=kill' aggregate "$1" "$2" "${whole_log[@]}"
    need "$1: it stops with the log in hand" within 30 frozen "$1"
    aggregate "$1_heir" '' --once
    drained "$1_heir"
    send CONT "$1"
    need "$1: thawed, it is refused or commits" within 30 fenced_or_gone "$1"
    if running "${pids[$1]}"; then send KILL "$1"; fi
    ended "$1" 10
}
at_commit() { # name defects: stopped before its COMMIT, which will be for the whole log
    on_database "$1"
    [ -z "${through:-}" ] || database+=(--set "Sql:ConnectionString=${connection/Port=$PG_PORT/Port=$through}")
    failpoints='agg.before_commit=stop' aggregate "$1" "$2" --once "${whole_log[@]}"
    need "$1: it stops before COMMIT" within 30 frozen "$1"
}
not_committed() { # name defects: the session dies before COMMIT arrives
    at_commit "$1" "$2"
    is "$1: its session is ended" \
        "$(sql "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity where datname = '$1' and pid <> pg_backend_pid()")" 1
    send CONT "$1"
    drained "$1"
}
folded_all() { [ "$(folded)" = "$records" ]; }
committed() { # name defects: COMMIT takes place, its answer is lost
    through=${ports[postgres]} at_commit "$1" "$2"
    tcp postgres down hold
    send CONT "$1"
    need "$1: the transaction is committed" within 30 folded_all
    tcp postgres reset
    tcp postgres down pass
    drained "$1"
}

# --- the stand and the log -------------------------------------------------------------------------------------------

servers MAIN
relay_up postgres "$PG_PORT"
fill main 400 3s
check "the log is more than one batch" [ "$records" -gt 600 ]
book=(--book "$work/main.book")

# --- defects of the aggregator ---------------------------------------------------------------------------------------

plain plain ''
exact plain "${book[@]}"
while read -r defect class; do
    plain "${defect/./_}" "$defect"
    caught plain "$defect" "$class" "${book[@]}"
done <<'ROWS'
agg.drop_event daily_differs
agg.drop_row missing_in_sql
agg.count_twice daily_differs
agg.skip_offset missing_in_sql
agg.offset_only missing_in_sql
agg.no_fence offsets_disagree
ROWS

replayed replayed ''
exact replayed "${book[@]}"
replayed forgotten agg.forget_claims
caught replayed agg.forget_claims daily_differs "${book[@]}"

overtaken overtaken ''
exact overtaken "${book[@]}"
overtaken ignored agg.fence_ignored
caught overtaken agg.fence_ignored offsets_disagree "${book[@]}"
overtaken anybody sql.fence_any_owner
caught overtaken sql.fence_any_owner offsets_disagree "${book[@]}"
overtaken ageless sql.fence_any_epoch
survived overtaken sql.fence_any_epoch "the offsets do not fit either" "${book[@]}"

not_committed refused ''
exact not_committed "${book[@]}"
not_committed assumed sql.assume_committed
caught not_committed sql.assume_committed offset_behind "${book[@]}"
not_committed again sql.commit_again
survived not_committed sql.commit_again "a dead connection is not believed" "${book[@]}"
not_committed believed sql.commit_again,sql.no_alive_check
caught not_committed sql.commit_again,sql.no_alive_check offset_behind "${book[@]}"

committed answered ''
exact committed "${book[@]}"
committed redone agg.assume_lost
survived committed agg.assume_lost "the fence refuses the second time" "${book[@]}"
committed doubled agg.assume_lost,agg.fence_ignored
caught committed agg.assume_lost,agg.fence_ignored offsets_disagree "${book[@]}"

# A letter that says what a later catalog might have cured, for records of a type that was known all the time.
plain condemned agg.condemn_good
caught plain agg.condemn_good dead_letter_phantom "${book[@]}"

sed 's/^/# /' "$work/caught"
