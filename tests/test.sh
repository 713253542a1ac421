#!/usr/bin/env bash
# Everything that CI runs, in order of cost: lints, unit, integration (real drivers, mock broker, real
# PostgreSQL), the same under sanitizers, end to end on a real Kafka, faults there. A failed step does not
# hide the next ones. The last line sums up all steps: "N passed, N failed, N skipped".
#   ONLY="lint unit" tests/test.sh     run some steps
set -u
cd "$(dirname "$0")/.."
make=${MAKE:-make}
jobs=$(nproc)
counts=$(mktemp)
trap 'rm -f "$counts"' EXIT
broken=()

step() { # name, what it is, make arguments...
    local name=$1 what=$2 start=$SECONDS
    shift 2
    if [ -n "${ONLY:-}" ] && ! grep -qw -- "$name" <<<"$ONLY"; then return; fi
    printf '\n== %s: %s\n' "$name" "$what"
    # shellcheck disable=SC2086
    if ! "$make" --no-print-directory -j"$jobs" WERROR="${WERROR:-}" COUNTS="$counts" "$@"; then
        broken+=("$name")
    fi
    printf '== %s took %d s\n' "$name" $((SECONDS - start))
}

step lints "layers, sizes, symbols, formats, generated files; and that each can fail" lints
step unit "pure behaviour" unit
step integration "real binaries, SQLite and PostgreSQL, mock broker" integration
step asan "unit and event path under AddressSanitizer and UBSan" SAN=address,undefined unit integration
step tsan "the threaded parts under ThreadSanitizer" SAN=thread threads
step e2e "Apache Kafka, PostgreSQL and the three binaries" e2e
step chaos "faults on them under load, the quick ones; each ends with the ledger" QUICK=1 chaos
step defects "planted defects, and that each is found" defects

read -r passed failed skipped < <(awk '{p += $1; f += $2; s += $3} END {print p + 0, f + 0, s + 0}' "$counts")
echo
for name in "${broken[@]}"; do echo "step failed: $name"; done
# a step that broke without a failed test (it did not build, say) is a failure all the same
if [ "${#broken[@]}" -gt 0 ] && [ "$failed" -eq 0 ]; then failed=${#broken[@]}; fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
