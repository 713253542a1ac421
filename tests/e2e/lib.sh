#!/usr/bin/env bash
# What the end-to-end scripts share: TAP lines, real servers and services that end with the script, waiting
# with a deadline, asking HTTP and SQL. Sourced first, never run. Everything listens on 127.0.0.1, at ports
# that the system chose, and is stopped by its own pid whatever happens. KEEP=1 keeps the working folder.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
real=$root/deploy/local/real
# shellcheck source=/dev/null
. "$real/common.sh"
bin=$(cd "${PX_BIN:-$root/build/bin}" && pwd) || exit 1
failpoint_bin=$(realpath -m "${PX_FAILPOINT_BIN:-$root/build/release-failpoints/bin/svc-aggregator}")
work=$(mktemp -d "${TMPDIR:-/tmp}/px-e2e.XXXXXX") || exit 1
chmod 755 "$work" # the database server runs as another user
topic=EVT_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS
dlq=DLQ_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS
jar_cache=${PX_CACHE:-}
# A broker that lives for a minute is not worth optimising: this takes half of its processor time.
export KAFKA_JVM=${KAFKA_JVM:--XX:+UseSerialGC -XX:TieredStopAtLevel=1}
unset "${!PX_@}" # settings of the caller are not the tests'
cd "$work" || exit 1

# --- TAP -----------------------------------------------------------------------------------------------

count=0 failures=0
tap() { # 0|1 name [detail]
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $count - $2"
        return 0
    fi
    failures=$((failures + 1))
    echo "not ok $count - $2"
    [ -z "${3:-}" ] || sed 's/^/#   /' <<<"$3"
    return 1
}
is() { # name got want
    [ "$2" = "$3" ]
    tap $? "$1" "got:  $2"$'\n'"want: $3"
}
check() { # name command...
    local name=$1 out
    shift
    out=$("$@" 2>&1)
    tap $? "$name" "$* failed"$'\n'"$(tail -n 5 <<<"$out")"
}
has() { # name text pattern (extended regular expression)
    grep -qE -- "$3" <<<"$2"
    tap $? "$1" "no match for: $3"$'\n'"$(head -c 4000 <<<"$2")"
}
has_not() { # name text pattern
    ! grep -qE -- "$3" <<<"$2"
    tap $? "$1" "must not match: $3"$'\n'"$(head -c 4000 <<<"$2")"
}
adopt() { # command...: its lines "ok - name", "not ok - name" and "# detail" become ours
    local line lines=0
    while IFS= read -r line; do
        case $line in
        'ok - '*) tap 0 "${line#ok - }" && lines=$((lines + 1)) ;;
        'not ok - '*) tap 1 "${line#not ok - }" || lines=$((lines + 1)) ;;
        *) echo "# $line" ;;
        esac
    done < <("$@" 2>&1)
    [ "$lines" -gt 0 ] || tap 1 "$* printed no result"
}
need() { # name command...: a check without which the rest would only wait in vain
    check "$@" || exit 1
}
die() { # a step without which the rest has no meaning
    tap 1 "$*"
    exit 1
}

# --- life ----------------------------------------------------------------------------------------------

declare -A pids=()
clean_up() {
    local status=$? name
    trap - EXIT
    trap '' INT TERM HUP
    for name in "${!pids[@]}"; do
        if running "${pids[$name]}"; then kill -9 "${pids[$name]}"; fi
    done
    [ ! -d "$work/kafka" ] || kafka_sh kill "$work/kafka"
    [ -z "${registry_start:-}" ] || kill "$registry_start" 2>/dev/null
    [ ! -d "$work/registry" ] || registry_sh kill
    [ ! -d "$work/postgres" ] || "$real/postgres.sh" stop "$work/postgres"
    if [ "$failures" -gt 0 ]; then
        for name in "${!pids[@]}"; do
            echo "# the end of $name.log:"
            tail -n 12 "$work/$name.log" | cut -c 1-400 | sed 's/^/#   /'
        done
    fi
    cd / || exit 1
    if [ -n "${KEEP:-}" ]; then echo "# kept: $work"; else rm -rf "$work"; fi
    echo "1..$count"
    if [ "$failures" -gt 0 ] && [ "$status" -eq 0 ]; then status=1; fi
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

launch() { # name command...: in the background; NAME.log is what it says, NAME.out what it prints
    local name=$1
    shift
    setsid "$@" >"$work/$name.out" 2>"$work/$name.log" </dev/null &
    pids[$name]=$!
}
ended() { # name seconds: waits for the end; its status is in $status
    status=timeout
    until_true "$2" gone "${pids[$1]}" || return 1
    wait "${pids[$1]}"
    status=$?
}
send() { kill -s "$1" "${pids[$2]}" 2>>"$work/kill.log"; } # signal name
within() { until_true "$@"; }          # seconds command...

# --- servers -------------------------------------------------------------------------------------------

kafka_sh() { env ${jar_cache:+PX_CACHE="$jar_cache"} "$real/kafka.sh" "$@"; }
kafka_up() { # the broker, for the first time or again
    kafka_sh start "$work/kafka" >>"$work/servers.log" 2>&1 || die "Kafka started ($(tail -n 3 "$work/servers.log"))"
    # shellcheck source=/dev/null
    . "$work/kafka/env"
    kafka=(--set "Kafka:BootstrapServers=$KAFKA_BOOTSTRAP")
}
kafka_topics() { # [partitions]
    local t
    for t in "$topic" "$dlq"; do
        kafka_sh topic "$work/kafka" "$t" "${1:-10}" >>"$work/servers.log" 2>&1 || die "topic $t was made"
    done
}
registry_sh() { # start|stop|kill
    env ${jar_cache:+PX_CACHE="$jar_cache"} "$real/registry.sh" "$1" "$work/registry" >>"$work/servers.log" 2>&1
}
registry_begin() { # start it, for the first time or again, beside what else starts
    registry_sh start &
    registry_start=$!
}
registry_up() { # wait until it answers
    wait "$registry_start" || die "the schema registry started ($(tail -n 3 "$work/servers.log"))"
    registry_start=''
    # shellcheck source=/dev/null
    . "$work/registry/env"
    registry=(--set "SchemaRegistry:Url=$REGISTRY_URL")
}
postgres_up() {
    "$real/postgres.sh" start "$work/postgres" >>"$work/servers.log" 2>&1 ||
        die "PostgreSQL started ($(tail -n 3 "$work/servers.log"))"
    # shellcheck source=/dev/null
    . "$work/postgres/env"
    export PG_URL
    database=(--set Sql:Dialect=postgresql --set "Sql:ConnectionString=$PG_CONNECTION"
        --set "Sql:PasswordFile=$work/postgres/password")
}
sql() { psql -qAt -F ' ' "$PG_URL" -c "$1" 2>&1; }

# --- services ------------------------------------------------------------------------------------------

any_port=(--set Admin:Port=0)
aggregator=("$bin/svc-aggregator") # or another build of it
ingest_up() { # name options...
    local name=$1
    shift
    launch "$name" "$bin/svc-ingest" "${kafka[@]}" "${any_port[@]}" --set Ingest:Port=0 "$@"
}
aggregator_up() { # name options...
    local name=$1
    shift
    launch "$name" "${aggregator[@]}" "${kafka[@]}" "${database[@]}" "${any_port[@]}" \
        --set "Instance:Id=$name" "$@"
}
api_up() { # name options...
    local name=$1
    shift
    launch "$name" "$bin/svc-metrics-api" "${database[@]}" "${any_port[@]}" --set Api:Port=0 "$@"
}
migrate() {
    "$bin/svc-aggregator" "${kafka[@]}" "${database[@]}" --migrate=up >"$work/migrate.out" 2>&1 ||
        die "the database was migrated ($(cat "$work/migrate.out"))"
}
as=()
account() { # user role: a login user with that role and nothing else; ${as[@]} are the options to connect as it
    sql "create role $1 login password '$PG_PASSWORD' in role $2" >"$work/account.out" 2>&1 ||
        die "the login user $1 was made ($(cat "$work/account.out"))"
    as=(--set "Sql:ConnectionString=${PG_CONNECTION/Username=px/Username=$1}" --set Sql:ExtraRights=refuse)
}
field() { # name event field: of the last such log line
    sed -nE 's/.*"message":"'"$2"'".*"'"${3//./\\.}"'":"?([^",}]*).*/\1/p' "$work/$1.log" | tail -n 1
}
logged() { grep -q "\"message\":\"$2\"" "$work/$1.log"; } # name event
told_port() { gone "${pids[$1]}" || [ -n "$(field "$1" '[a-z.]*' "$2")" ]; }
port() { # name server.port|admin.port
    within 15 told_port "$1" "$2"
    field "$1" '[a-z.]*' "$2"
}
ready() { # name seconds: /readyz says 200
    local url
    url=http://127.0.0.1:$(port "$1" admin.port)/readyz
    within "$2" http_ok "$url" || die "$1 got ready ($(curl -sS -m 2 "$url?verbose" 2>&1))"
}
http_ok() { curl -fsS -m 2 -o /dev/null "$1" 2>/dev/null; }
metric() { # name metric: sum over its series; with labels only that one
    curl -fsS -m 2 "http://127.0.0.1:$(port "$1" admin.port)/metrics" 2>/dev/null |
        awk -v n="$2" 'index($0, n) == 1 && substr($0, length(n) + 1, 1) ~ /[ {]/ {s += $NF; k++} END {if (k) printf "%.0f", s; else print "none"}'
}
get() { # url curl-options...: prints the status; fields are in $work/head, the content in $work/body
    local url=$1
    shift
    curl -sS -m 10 -o "$work/body" -D "$work/head" -w '%{http_code}' "$@" "$url" 2>"$work/curl.log"
}
head_field() { sed -nE "s/^$1: *([^\r]*)\r?\$/\1/Ip" "$work/head"; }

# --- traffic -------------------------------------------------------------------------------------------

load_up() { # name ingest options...: px-load against that service; NAME.truth afterwards
    local name=$1 target
    target=127.0.0.1:$(port "$2" server.port)
    shift 2
    launch "$name" "$bin/px-load" --url "$target" --truth "$work/$name.truth" "$@"
}
truth() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/$1.truth" "$2"; }
folded() { # events of the log that SQL has accounted for
    sql 'select coalesce(sum(next_offset - first_offset), 0) from partition_ledger'
}
folded_is() { [ "$(folded)" = "$1" ]; }
compare() { adopt python3 "$root/tests/e2e/compare.py" "$@"; }
