#!/usr/bin/env bash
# Runs the benchmarks and sums up: JSON lines as they come, then a table. A program's lines also go
# to $BENCH_DIR/<name>.json. Exit 1 only when a figure of CPU time is above twice its aim, or when a
# program could not measure. Wall-clock figures inform and never fail: the machine may be shared.
#   tests/bench/run.sh [NAME...]      NAME: one of the list below, or peers (make bench-peers); none = the list
set -u
dir=${BENCH_DIR:-build/release/bench}
all=(model produce ingest tls query rss aggregate)
names=("$@")
[ ${#names[@]} -gt 0 ] || names=("${all[@]}")
broken=0
lines=()
start=$SECONDS
for name in "${names[@]}"; do
    program=$dir/bench_$name
    if [ ! -x "$program" ]; then
        echo "bench: no $name; there are: ${all[*]}" >&2
        exit 64
    fi
    timeout --kill-after=10 "${BENCH_TIMEOUT:-600}" "$program" | tee "$dir/$name.json"
    rc=${PIPESTATUS[0]}
    if [ "$rc" -ne 0 ]; then
        echo "bench: $name ended with status $rc" >&2
        broken=$((broken + 1))
    fi
    lines+=("$dir/$name.json")
done
echo
awk -f "$(dirname "$0")/table.awk" "${lines[@]}"
failed=$?
echo "$((SECONDS - start)) s, load average $(cut -d' ' -f1 /proc/loadavg), $(nproc) cores"
[ "$broken" -eq 0 ] && [ "$failed" -eq 0 ]
