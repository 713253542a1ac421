# What the lints share: where sources are and how a finding looks. Sourced, never run. Every lint is
# run from the root of a tree, prints "path:line: what is wrong; what to do" and ends with 1 if it
# printed anything, 77 if it cannot look (it says why).
here=$(dirname "$0")
export LC_ALL=C

# existing DIR...: those that are there, so that a young tree can be looked at too.
existing() {
    for d in "$@"; do if [ -e "$d" ]; then echo "$d"; fi; done
}
# sources PATTERN DIR...: files below the folders, sorted. Folders that are not there are no error.
sources() {
    pattern=$1
    shift
    dirs=$(existing "$@")
    # shellcheck disable=SC2086
    if [ -n "$dirs" ]; then find $dirs -name "$pattern" -type f | sort; fi
}
PRODUCT='libcore svc-ingest svc-aggregator svc-metrics-api deploy'
product_files() {
    # shellcheck disable=SC2086
    sources '*.[ch]' $PRODUCT
}
all_files() {
    # shellcheck disable=SC2086
    sources '*.[ch]' $PRODUCT tests
}
# verdict: print what the pipe brings and fail if it brought anything.
verdict() {
    if grep . >&2; then exit 1; fi
}
