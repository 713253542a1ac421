#!/usr/bin/env bash
# Runs fault scenarios and prints their table; the last line is "N passed, N failed, N skipped".
#   tests/chaos/run.sh [--quick] [--add FILE] [NAME...]
# No name: all scenarios, which are the scripts here whose first letter is k (log), s (database) or a (aggregator
# and processes) and that have a number. --quick: those that say "# quick" in their first lines. NAME: the
# beginning of a script's name, say k01. --add: append the three counts to FILE, as tests/run.sh does.
# JOBS=n at once: one, because recovery is measured; two of the quick ones, which leave a core idle alone.
# TEST_TIMEOUT=seconds (330) for each. The rows stay in build/chaos-table.tsv, or ${CHAOS_TABLE}.
set -u
cd "$(dirname "$0")/../.." || exit 1
quick='' jobs=1 add=() names=() scripts=()
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=1 jobs=2 ;;
    --add) add=(--add "$2") && shift ;;
    -*) sed -n '3,8s/^# *//p' "$0" >&2 && exit 64 ;;
    *) names+=("$1") ;;
    esac
    shift
done
is_quick() { head -n 3 "$1" | grep -q '# quick'; }
wanted() { # script
    local n
    [ -z "$quick" ] || is_quick "$1" || return 1
    [ "${#names[@]}" -gt 0 ] || return 0
    for n in "${names[@]}"; do [[ $(basename "$1" .sh) != "$n"* ]] || return 0; done
    return 1
}
for s in tests/chaos/{k,s,a}[0-9][0-9]*_*.sh; do
    if [ -x "$s" ] && wanted "$s"; then scripts+=("$s"); fi
done
[ "${#scripts[@]}" -gt 0 ] || { echo "no such scenario: ${names[*]:-}" >&2 && exit 64; }

mkdir -p build
CHAOS_TABLE=$(realpath -m "${CHAOS_TABLE:-build/chaos-table.tsv}")
export CHAOS_TABLE
: >"$CHAOS_TABLE"
out=$(mktemp)
trap 'rm -f "$out"' EXIT
JOBS=${JOBS:-$jobs} TEST_TIMEOUT=${TEST_TIMEOUT:-330} tests/run.sh "${add[@]}" "${scripts[@]}" | tee "$out" | sed -u '$d'
status=${PIPESTATUS[0]}
echo
{
    printf 'row\tfault\tinjected\trecovery ms\tgoal s\tledger\n'
    sort -t "$(printf '\t')" -k 1,1n "$CHAOS_TABLE"
} | awk -F '\t' '{printf "%-4s %-37s %-56s %-12s %-7s %s\n", $1, $2, $3, $4, $5, $6}'
echo
tail -n 1 "$out"
exit "$status"
