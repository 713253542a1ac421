#!/usr/bin/env bash
# Runs test programs one after another and sums up. A program speaks TAP (cmocka does, and so do our
# scripts): "ok", "not ok", "ok ... # SKIP why". One that dies or prints no result counts as a failure.
# The last line is "N passed, N failed, N skipped"; failures are shown with their output.
#   tests/run.sh [--add FILE] PROGRAM...      --add: append the three counts to FILE for a grand total
set -u
add=''
if [ "${1:-}" = --add ]; then add=$2; shift 2; fi
passed=0 failed=0 skipped=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for t in "$@"; do
    start=$(date +%s%N)
    CMOCKA_MESSAGE_OUTPUT=TAP timeout --kill-after=10 "${TEST_TIMEOUT:-300}" "$t" >"$out" 2>&1 </dev/null
    rc=$?
    ms=$((($(date +%s%N) - start) / 1000000))
    p=$(grep -aE '^ok ' "$out" | grep -avcE '# *SKIP')
    s=$(grep -aE '^ok ' "$out" | grep -acE '# *SKIP')
    f=$(grep -acE '^not ok ' "$out")
    if [ "$rc" -ne 0 ] && [ "$f" -eq 0 ]; then
        f=1
        echo "not ok - $t ended with status $rc" >>"$out"
    elif [ "$((p + s + f))" -eq 0 ]; then
        f=1
        echo "not ok - $t ran no test" >>"$out"
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    printf '  %-4s %-58s %4d ok %6d ms\n' "$([ "$f" -eq 0 ] && echo ok || echo FAIL)" "${t#build/*/tests/}" "$p" "$ms"
    if [ "$f" -ne 0 ]; then sed 's/^/       | /' "$out" | tail -n "${TEST_TAIL:-80}"; fi
    grep -aE '^ok .*# *SKIP' "$out" | sed 's/^ok [0-9]* *-* */       skipped: /'
done
[ -z "$add" ] || echo "$passed $failed $skipped" >>"$add"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
