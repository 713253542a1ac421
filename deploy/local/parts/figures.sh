# What a run shows while it goes and at its end: sums of SQL, totals of the metrics of all processes, time and
# memory of each. Sourced by run.sh. Nothing here judges: that is px-ledger's part, which reads the log itself.

sums() { # the state of SQL as one line of numbers
    sql "SELECT (SELECT COALESCE(SUM(count),0) FROM daily_metrics), (SELECT COALESCE(SUM(count),0) FROM event_summary),
        (SELECT COALESCE(SUM(count),0) FROM minute_summary), (SELECT COALESCE(SUM(total_deposits),0) FROM players),
        COALESCE(SUM(counted),0), COALESCE(SUM(repeated),0), COALESCE(SUM(duplicate),0), COALESCE(SUM(conflict),0), COALESCE(SUM(dead_lettered),0),
        COALESCE(SUM(next_offset-first_offset+rewound),0)
        FROM partition_ledger" | tr '|' ' '
}
minus() { paste -d ' ' <(tr ' ' '\n' <<<"$2") <(tr ' ' '\n' <<<"$1") | awk '{print $1 - $2}' | paste -sd ' '; }
folded() { minus "$before" "$(sums)" | awk '{print $10 + 0}'; }

metrics_of() { # urls...: the metrics of all of them, one after the other
    local url
    for url in "$@"; do curl -fsS -m 2 "$url/metrics" 2>/dev/null; done
}
metric() { # name urls...: sum over the series of one metric, of all processes
    local name=$1
    shift
    metrics_of "$@" | awk -v n="$name" 'index($1, n) == 1 && $1 !~ /^#/ {s += $2} END {printf "%.0f", s}'
}
buckets() { # histogram urls...: "bound observations", summed over the processes, as quantile.awk reads them
    local name=$1
    shift
    metrics_of "$@" | sed -nE "s/^${name}_bucket\{(.*,)?le=\"([^\"]*)\"[^}]*\} ([0-9.e+]+).*/\2 \3/p" |
        awk '{n[$1] += $2} END {for (le in n) print (le == "+Inf" ? 1e18 : le), n[le]}' | sort -g
}
quantile() { # per-cent histogram urls...: in ms
    local q=$1
    shift
    buckets "$@" | awk -v q="$q" -f "$here/parts/quantile.awk" | sed 's/[0-9]$/& ms/'
}
truth() { # member of the generator's truth file
    sqlite3 :memory: "SELECT COALESCE(json_extract(readfile('$dir/truth.json'), '\$.$1'), 0)"
}

caught_up() { # everything that was acknowledged is folded in
    [ "$(metric px_consumer_lag_messages "${agg_admins[@]}")" = 0 ] && [ "$(folded)" -ge "$(truth acked)" ]
}

# --- time and memory of each process ----------------------------------------------------------------------

watched() { # "name pid" of everything that takes part; PostgreSQL is its main process and those that serve
    local name n=0 p
    for name in "${started[@]}"; do
        if [ "$name" != migrate ] && alive "$name"; then echo "$name $(cat "$dir/$name.pid")"; fi
    done
    [ "$mode" = stack ] || return 0
    for p in $KAFKA_PIDS; do n=$((n + 1)) && echo "kafka-$n $p"; done
    echo "postgresql $PG_PID"
}
# Appends "second name CPU-ticks resident-kB" for each. The children of PostgreSQL count to it, those that
# have ended too; what they share would be counted often, so its memory is left out.
sample() { # second
    local name pid
    watched | while read -r name pid; do
        if [ "$name" = postgresql ]; then
            cat /proc/[0-9]*/stat 2>/dev/null | sed 's/(.*)/x/' |
                awk -v at="$1" -v p="$pid" '$1 == p {t += $14 + $15 + $16 + $17} $4 == p {t += $14 + $15}
                    END {print at, "postgresql", t, 0}'
        else
            sed 's/(.*)/x/' "/proc/$pid/stat" 2>/dev/null | awk -v at="$1" -v n="$name" \
                -v rss="$(awk '/^VmRSS/ {print $2}' "/proc/$pid/status" 2>/dev/null)" '{print at, n, $14 + $15, rss + 0}'
        fi
    done >>"$dir/samples"
}
# Over a long run the samples get rarer, so that the file stays small.
next_sample() { echo $(($1 + ($1 < 40 ? 2 : $1 / 20))); }

costs() { # events: of each process, CPU time per event and memory at a tenth and at the end of the run
    awk -v events="$1" -v tick="$(getconf CLK_TCK)" '
        !($2 in first) {first[$2] = $1 ? 0 : $3; order[++n] = $2} # what came later began at 0
        {last[$2] = $3; if ($1 > end) end = $1; at[NR] = $1; who[NR] = $2; rss[NR] = $4}
        END {
            for (i = 1; i <= NR; i++) {
                if (at[i] >= end / 10 && !(who[i] in early)) early[who[i]] = rss[i]
                late[who[i]] = rss[i]
            }
            for (i = 1; i <= n; i++) {
                p = order[i]
                cpu = events > 0 ? sprintf("%.0f us", (last[p] - first[p]) / tick * 1e6 / events) : "-"
                memory = late[p] ? sprintf("%.1f -> %.1f MiB", early[p] / 1024, late[p] / 1024) : ""
                printf "  %-24s %12s   %s\n", p, cpu, memory
            }
        }' "$dir/samples"
}

# --- while it runs ----------------------------------------------------------------------------------------

progress() { # second
    local now
    # shellcheck disable=SC2207 # numbers, split on purpose
    now=($(minus "$before" "$(sums)"))
    printf '  %4d s  acknowledged %-9s folded %-9s counted %-9s lag %-7s\n' "$1" \
        "$(metric px_events_accepted_total "${ingest_admins[@]}")" "${now[9]}" "${now[4]}" \
        "$(metric px_consumer_lag_messages "${agg_admins[@]}")"
}

# --- at the end -------------------------------------------------------------------------------------------

traffic_summary() {
    say "  requests sent            $(truth sent)"
    say "  acknowledged (200)       $(truth acked)"
    say "  rejected by reason       $(sqlite3 :memory: "SELECT COALESCE(group_concat(key || ' ' || value, ', '), 'none') FROM json_each(readfile('$dir/truth.json'), '\$.refusedByCode')")"
    say "  unavailable (503)        $(truth unavailable)   unknown $(truth unknown)   unanswered $(truth unanswered)   not sent in time $(truth unsent)"
    sed -nE 's/^ack ms: (.*)/  acknowledgement in ms    \1/p' "$dir/px-load.out"
}
summary() {
    local added events
    # shellcheck disable=SC2207 # numbers, split on purpose
    added=($(minus "$before" "$(sums)"))
    events=${added[9]}
    say ""
    say "Summary (seed $seed; $ingests x svc-ingest, $aggregators x svc-aggregator; SQL numbers are what this run added)"
    [ ! -s "$dir/truth.json" ] || traffic_summary
    say "  receipt to SQL, p95      $(quantile 95 px_end_to_end_latency_seconds "${agg_admins[@]}")"
    say "  counted                  ${added[4]}"
    say "  repeats                  ${added[5]}"
    say "  duplicates               ${added[6]}"
    say "  conflicts                ${added[7]}"
    say "  dead letters of the log  ${added[8]}"
    say "  rejects recorded in DLQ  $(metric 'px_dlq_records_total{outcome="stored"}' "${ingest_admins[@]}")"
    say "  SUM(daily_metrics)       ${added[0]}"
    say "  SUM(event_summary)       ${added[1]}"
    say "  SUM(minute_summary)      ${added[2]}"
    say "  SUM(total_deposits)      ${added[3]}"
    say "  process                  CPU per event   resident memory, at a tenth of the run and at its end"
    costs "$events"
}

# The verdict: computed from the log and the generator's book, compared with every table and the API.
verdict() {
    local ledger=("$bin/px-ledger" --kafka "$PX_KAFKA" --topic "$topic" --dlq "$dlq" --api "127.0.0.1:$API_PORT"
        --json "$dir/ledger.json" --wait 60)
    [ -z "${schema_ids:-}" ] || ledger+=(--schema-ids "$schema_ids")
    if [ "$mode" = dev ]; then
        ledger+=(--sql-dialect sqlite --sql "Driver={SQLite3};Database=$dir/analytics.db" --log-id "$KAFKA_LOG_ID")
    else
        ledger+=(--sql-dialect postgresql --sql "$PG_CONNECTION" --sql-password-file "$dir/postgres/password")
    fi
    [ ! -s "$dir/load.book" ] || ledger+=(--book "$dir/load.book")
    "${ledger[@]}" >"$dir/px-ledger.out" 2>"$dir/px-ledger.log"
}
