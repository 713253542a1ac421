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
broken=()

wanted() { [ -z "${ONLY:-}" ] || grep -qw -- "$1" <<<"$ONLY"; } # step

# Most tests wait for timers. Meanwhile the compiler makes what later steps run, last in line and with half of the
# processors. A step ends that, and its own make goes on where it stood, so that what does not compile is told by the
# step that needs it, whole and in its place.
declare -A ahead=([asan]='SAN=address,undefined build-tests' [tsan]='SAN=thread build-threads' [defects]='DEFECTS=1 build-defects')
later=(asan tsan defects) builder=''
end_group() { # make, its leader: the compilers too, which make leaves behind, to write what the step's own make writes
    local n
    kill -- "-$1" || kill "$1" # when it is no group yet
    wait "$1"
    for ((n = 0; n < 50; n++)); do
        kill -0 -- "-$1" || break
        sleep 0.1
    done
}
build_ahead() {
    local name child=''
    trap '[ -z "$child" ] || end_group "$child"; exit' TERM
    for name in "${later[@]}"; do
        wanted "$name" || continue
        # shellcheck disable=SC2086
        setsid nice -n 19 "$make" --no-print-directory -j$(((jobs + 1) / 2)) WERROR="${WERROR:-}" ${ahead[$name]} </dev/null &
        child=$!
        wait "$child"
        child=''
    done >/dev/null 2>&1
}
end_ahead() {
    [ -z "$builder" ] || { kill "$builder" && wait "$builder"; } 2>/dev/null
    builder=''
}
take_over() { # step: from here on only what comes after it is built ahead
    local n
    end_ahead
    for ((n = 0; n < ${#later[@]}; n++)); do
        [ "${later[n]}" != "$1" ] || { later=("${later[@]:n + 1}") && break; }
    done
    build_ahead &
    builder=$!
}
trap 'end_ahead; rm -f "$counts"' EXIT

step() { # name, what it is, make arguments...
    local name=$1 what=$2 start=$SECONDS
    shift 2
    wanted "$name" || return
    printf '\n== %s: %s\n' "$name" "$what"
    case $name in integration | asan | tsan | defects) take_over "$name" ;; esac
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
