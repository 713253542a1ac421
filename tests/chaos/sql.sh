#!/usr/bin/env bash
# What the scenarios of the database share: what its clients must show while it is away, who works in it, and
# rows of the table that wait for the one ledger at the end. Sourced after lib.sh, never run.
set -u
kept=()

# --- looking on --------------------------------------------------------------------------------------------

folded_more() { grew "$1" folded; }          # number: SQL has accounted for more records than that
frozen() { grep -q '^State:[[:space:]]*T' "/proc/$(pid_of "$1")/status" 2>/dev/null; } # name
gauge() { # name metric: as it is now; also while other labels exist
    curl -fsS -m 5 "http://127.0.0.1:${ports[$1.admin]}/metrics" 2>/dev/null |
        awk -v n="$2" 'index($0, n) == 1 && substr($0, length(n) + 1, 1) ~ /[ {]/ {s += $NF; k++} END {if (k) printf "%.0f", s}'
}
commits() { gauge agg-1 px_sql_commits_total; }
gauge_is() { [ "$(gauge "$1" "$2")" = "$3" ]; } # name metric number
api_status() { # [curl options]: asks the API for today's sums: the status; fields in head, content in body
    get "http://127.0.0.1:${ports[api-1]}/api/metrics?from=$(date -u +%F)&to=$(date -u +%F)" "$@"
}
api_is() { [ "$(api_status)" = "$1" ]; } # status
says() { # name lines event [pattern]: since that line of its log it said so, in a line that names a remedy
    log_since "$1" "$2" | grep -E "\"message\":\"$3\"" | grep '"remedy":"' | grep -qE -- "${4:-.}"
}
said_times() { log_since "$1" "$2" | grep -c "\"message\":\"$3\""; } # name lines event
calm() { # name lines event most: a state is told when it changes, not all the time
    local n
    n=$(said_times "$1" "$2" "$3")
    tap $((n > $4)) "$1 says $3 at most $4 times" "$n times"
}

# What must be seen from outside while nothing can be written; `lines` is where the fault began in agg-1's log.
seen_away() { # text event [pattern]
    check "$1: the aggregator says so and names a remedy" within 20 says agg-1 "$lines" "$2" "${3:-}"
    check "$1: it is not ready" within 10 readyz_is agg-1 503
    progress "$1: the lag that it shows" gauge agg-1 px_consumer_lag_messages
    seen_api "$1"
}
seen_api() { # text
    check "$1: the API answers 503" within 20 api_is 503
    has "$1: as a problem document" "$(cat "$work/head" "$work/body" 2>/dev/null)" 'application/problem\+json'
    has "$1: which may be asked again" "$(cat "$work/body")" '"retryable":true'
    check "$1: and is not ready" within 15 readyz_is api-1 503
}
seen_back() { # text
    check "$1: the API answers again" within 20 api_is 200
    check "$1: everybody is ready again" within 20 readyz_is agg-1 200
    check "$1: the API too" within 20 readyz_is api-1 200
}

rss_kib() { awk '/^VmRSS:/ {print $2}' "/proc/$(pid_of "$1")/status"; } # name
traffic_stop() { # name: enough of it
    send TERM "$1"
    traffic_end "$1"
}

# --- in the database -----------------------------------------------------------------------------------------

pg() { "$real/postgres.sh" "$1" "$work/postgres" "${@:2}" >>"$work/servers.log" 2>&1; }
# The sessions of a program tell its name when it was started with PGAPPNAME (libpq reads it).
backends() { sql "select pid from pg_stat_activity where application_name = '$1'"; } # name
end_sessions() { sql "select count(pg_terminate_backend(pid)) from pg_stat_activity where $1" >>"$work/sql.log"; } # condition
sql_quietly() { psql -qAt "$PG_URL" -c "$1" >>"$work/sql.log" 2>&1; }
# A session of its own that holds what its first statements took until its input ends.
hold() { # name sql: e.g. an open transaction with locks
    local fifo=$work/$1.fifo
    mkfifo "$fifo"
    launch "$1" psql -qAt "$PG_URL" -f "$fifo"
    exec {hold_fd}>"$fifo"
    printf '%s\n' "set idle_in_transaction_session_timeout = 0;" "$2" "\\echo held" >&"$hold_fd"
    within 20 grep -q held "$work/$1.out" || die "$1 holds its locks ($(cat "$work/$1.log"))"
}
let_go() { # name [sql]: of the last one held
    printf '%s\n' "${2:-rollback;}" '\q' >&"$hold_fd"
    exec {hold_fd}>&-
    ended "$1" 20
}

# --- rows that share a stand -----------------------------------------------------------------------------------

keep() { # number goal fault: this recovery, for the table once the ledger has spoken
    kept+=("$1"$'\t'"$2"$'\t'"$3"$'\t'"$recovery"$'\t'"$injected")
}
kept_rows() {
    local k n goal fault
    for k in "${kept[@]}"; do
        IFS=$'\t' read -r n goal fault recovery injected <<<"$k"
        row "$n" "$fault" "$goal"
    done
}

# --- a role of least privilege -----------------------------------------------------------------------------------

stand_as_app() { # [aggregator options...]: as `stand`, but the services are no superusers in the database
    servers_up 1
    sql_quietly "create role app login password '$PG_PASSWORD' in role px_agg, px_api" ||
        die "the role app was made ($(tail -n 2 "$work/sql.log"))"
    database=(--set Sql:Dialect=postgresql --set "Sql:ConnectionString=${PG_CONNECTION/Username=px/Username=app}"
        --set "Sql:PasswordFile=$work/postgres/password")
    start_ingest ingest-1
    start_aggregator agg-1 "$@"
    start_api api-1
    local name
    for name in ingest-1 agg-1 api-1; do ready "$name" 60; done
    note "the stand is up"
}
