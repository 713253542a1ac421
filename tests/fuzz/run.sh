#!/bin/sh
# Runs fuzz targets one after the other: seeds of the tree, what earlier runs found interesting, what the target
# brings itself. An input that breaks a promise is left in BUILD/found, and the run ends with 1.
#   FUZZ_SECONDS=30 tests/fuzz/run.sh BUILD TARGET...
set -u
build=$1
shift
failed=0
for t; do
    if [ ! -x "$build/fuzz/$t" ] || [ ! -d "tests/fuzz/corpus/$t" ]; then
        echo "there is no target $t with a corpus; tests/fuzz/README.md lists them" >&2
        exit 64
    fi
    mkdir -p "$build/corpus/$t" "$build/seeds/$t" "$build/found"
    "$build/tests/fuzz/replay_$t" --seeds "$build/seeds/$t" || exit 1
    dict=tests/fuzz/dict/$t.dict
    log=$build/found/$t.log
    echo "== $t: ${FUZZ_SECONDS:-30} s"
    "$build/fuzz/$t" -max_total_time="${FUZZ_SECONDS:-30}" -timeout=10 -rss_limit_mb=1024 -max_len=8192 \
        -print_final_stats=1 -artifact_prefix="$build/found/$t-" $([ ! -f "$dict" ] || echo "-dict=$dict") \
        "$build/corpus/$t" "tests/fuzz/corpus/$t" "$build/seeds/$t" >"$log" 2>&1
    rc=$?
    grep -E '^(stat::number_of_executed_units|stat::peak_rss_mb)|INITED|DONE' "$log" | sed 's/^/   /'
    if [ $rc -ne 0 ]; then
        failed=1
        tail -n 40 "$log"
        echo "== $t: broken; the input lies in $build/found, its message above" >&2
    fi
done
exit $failed
