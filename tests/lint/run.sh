#!/bin/sh
# All lints, as TAP: "ok N - name", findings above a "not ok". The last line sums up.
#   tests/lint/run.sh [BUILD BIN [NAME...]]     from the root; with names, only those
dir=$(dirname "$0")
build=${1:-build/release} bin=${2:-build/bin}
if [ $# -ge 2 ]; then shift 2; else shift $#; fi
[ $# -gt 0 ] || set -- layers thirdparty sizes style banned sqltext headers contracts docpaths edgecases flow design events evolution data format symbols needed defects generated
n=0 failed=0 skipped=0
echo "1..$#"
for name; do
    n=$((n + 1))
    case $name in
    symbols) arg=$build/lib ;;
    needed | defects | generated) arg=$bin ;;
    *) arg= ;;
    esac
    out=$(sh "$dir/$name.sh" $arg 2>&1)
    rc=$?
    case $rc in
    0) echo "ok $n - lint $name" ;;
    77)
        skipped=$((skipped + 1))
        echo "ok $n - lint $name # SKIP $out"
        ;;
    *)
        failed=$((failed + 1))
        printf '%s\n' "$out"
        echo "not ok $n - lint $name"
        ;;
    esac
done
echo "# lint: $((n - failed - skipped)) passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
