#!/usr/bin/env bash
# Runs test programs, a few at a time, and sums up. A program speaks TAP (cmocka does, and so do our
# scripts): "ok", "not ok", "ok ... # SKIP why". One that dies or prints no result counts as a failure.
# The last line is "N passed, N failed, N skipped"; failures are shown with their output. The two times of a program
# are those of the clock and of the processor (with the children that it waited for): where they are far apart, it waits.
#   tests/run.sh [--add FILE] PROGRAM...      --add: append the three counts to FILE for a grand total
# JOBS=n programs at once (3: most of them wait for timers of servers), TEST_TIMEOUT=seconds for each.
set -u
add=''
if [ "${1:-}" = --add ]; then
    add=$2
    shift 2
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# One program: its output, then one block on standard output, whole, whoever else is finishing.
one() { # program output
    local t=$1 out=$2 start rc p s f ms cpu TIMEFORMAT='%U %S'
    start=$(date +%s%N)
    {
        time CMOCKA_MESSAGE_OUTPUT=TAP timeout --kill-after=10 "${TEST_TIMEOUT:-300}" "$t" >"$out" 2>&1 </dev/null
        rc=$?
    } 2>"$out.cpu"
    ms=$((($(date +%s%N) - start) / 1000000))
    cpu=$(awk '{t = $1 + $2} END {printf "%.1f", t}' "$out.cpu")
    # TAP marks a skipped test by its directive, whichever word stands before it
    p=$(grep -aE '^ok ' "$out" | grep -avcE '# *SKIP')
    s=$(grep -aE '^(not )?ok ' "$out" | grep -acE '# *SKIP')
    f=$(grep -aE '^not ok ' "$out" | grep -avcE '# *SKIP')
    if [ "$rc" -ne 0 ] && [ "$f" -eq 0 ]; then
        f=1
        echo "not ok - $t ended with status $rc" >>"$out"
    elif [ "$((p + s + f))" -eq 0 ]; then
        f=1
        echo "not ok - $t ran no test" >>"$out"
    fi
    echo "$p $f $s" >"$out.counts"
    {
        flock 9
        printf '  %-4s %-58s %4d ok %6d ms %6s s CPU\n' "$([ "$f" -eq 0 ] && echo ok || echo FAIL)" \
            "${t#build/*/tests/}" "$p" "$ms" "$cpu"
        if [ "$f" -ne 0 ]; then sed 's/^/       | /' "$out" | tail -n "${TEST_TAIL:-80}"; fi
        grep -aE '^(not )?ok .*# *SKIP' "$out" | sed -E 's/^(not )?ok [0-9]* *-* */       skipped: /'
    } 9>"$dir/lock"
}

n=0
for t in "$@"; do
    while [ "$(jobs -rp | wc -l)" -ge "${JOBS:-3}" ]; do wait -n; done
    n=$((n + 1)) # here, not in the background
    one "$t" "$dir/$n" &
done
wait

read -r passed failed skipped < <(cat "$dir"/*.counts | awk '{p += $1; f += $2; s += $3} END {print p + 0, f + 0, s + 0}')
[ -z "$add" ] || echo "$passed $failed $skipped" >>"$add"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
