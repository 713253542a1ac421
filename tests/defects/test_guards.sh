#!/usr/bin/env bash
# The guards of the transaction are tested: with one of them taken out, the integration tests that are about
# it fail, and with all of them in place the same programs pass. PX_TESTS names the folder of the test
# programs of a build with DEFECTS=1 (make defects sets it).
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
tests=$(cd "${PX_TESTS:-$root/build/release-defects/tests}" && pwd) || exit 1
cd "$root" || exit 1 # the programs read database/ and schemas/ from here
unset PX_DEFECT
dir=$(mktemp -d "${TMPDIR:-/tmp}/px-guards.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
count=0 failures=0
rows=() # "defects program", in the order of the checks below; the program's own run has no defects

tap() { # 0|1 name output-of-the-program
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $count - $2"
        return
    fi
    failures=$((failures + 1))
    echo "not ok $count - $2"
    tail -n 20 "$3" | sed 's/^/#   /'
}
place() { echo "$dir/${2##*/}.$1"; } # defects program: where its TAP is kept, and its status beside it
run() { # defects program
    CMOCKA_MESSAGE_OUTPUT=TAP PX_DEFECT=$1 timeout --kill-after=10 200 "$tests/$2" >"$(place "$1" "$2")" 2>&1
    echo $? >"$(place "$1" "$2").status"
}
run_all() { # two at a time: they mostly wait for their servers
    local row
    for row in "${rows[@]}"; do
        while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
        run "${row%% *}" "${row##* }" &
    done
    wait
}
whole() { # program: without a defect every test passes and none is skipped
    local out
    out=$(place '' "$1")
    [ "$(cat "$out.status")" -eq 0 ] && grep -q '^ok ' "$out" && ! grep -qE '^not ok|# *SKIP' "$out"
    tap $? "$1 passes without a defect" "$out"
}
guarded() { # defects program test...: with them these tests fail, and the program ends with a failure
    local defects=$1 program=$2 out test
    out=$(place "$1" "$2")
    shift 2
    for test; do
        [ "$(cat "$out.status")" -ne 0 ] && grep -qE "^not ok [0-9]+ - $test( |\$)" "$out"
        tap $? "$defects: $test of $program fails" "$out"
    done
}
each() { # function: the table of guards, one call per row
    "$1" '' "$sql"
    "$1" sql.no_sticky_flag "$sql" test_error_between_two_inserts test_error_as_the_last_statement
    "$1" sql.no_alive_check "$sql" test_session_killed_before_a_statement_is_freed
    # either sign is enough when a statement has met the dead session; without both the loss is believed
    "$1" sql.no_sticky_flag,sql.no_alive_check "$sql" test_session_killed_before_a_statement
    "$1" sql.assume_committed "$sql" test_session_killed_before_commit test_unknown_commit_that_was_not
    "$1" sql.commit_again,sql.no_alive_check "$sql" test_session_killed_before_commit
    "$1" '' "$fence"
    "$1" agg.no_fence "$fence" test_fence_stops_a_former_owner test_fence_is_all_or_nothing
    "$1" agg.fence_ignored "$fence" test_fence_stops_a_former_owner test_fence_is_all_or_nothing
    "$1" sql.fence_any_owner "$fence" test_fence_stops_a_former_owner test_fence_is_all_or_nothing
    "$1" sql.fence_any_epoch "$fence" test_fence_stops_a_former_owner
    "$1" agg.assume_lost "$fence" test_fence_doubtful_commit_that_took_place
}
add() { rows+=("$1 $2"); }
judge() { if [ -n "$1" ]; then guarded "$@"; else whole "$2"; fi; }

sql=integration/test_sql_postgres fence=integration/test_apply_fence
each add
run_all
each judge
echo "1..$count"
[ "$failures" -eq 0 ]
