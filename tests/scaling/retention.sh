#!/usr/bin/env bash
# What retention costs while the platform works: ROWS old raw rows and as many claims of both kinds are removed while
# svc-aggregator applies RATE events/s. Real Kafka; SQLite and PostgreSQL, or the one that is named. TAP lines for
# what must hold, `#` lines for what was measured.
#   tests/scaling/retention.sh [sqlite] [postgresql]      ROWS=1000000 RATE=500
set -u
dialects=("$@")
[ $# -gt 0 ] || dialects=(sqlite postgresql)
rows=${ROWS:-1000000} rate=${RATE:-500}
[[ $rows =~ ^[1-9][0-9]{2,7}$ && $rate =~ ^[1-9][0-9]{0,4}$ ]] || { echo "ROWS and RATE: whole numbers" >&2; exit 64; }
export KAFKA_JVM=-XX:+UseG1GC # as it is in use, not as short tests have it
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
note() { printf '# %s\n' "$*"; }
now_ms() { date +%s%3N; }

# Old rows, 12 to 7.4 days ago, as the services would have written them.
fill_postgresql() {
    sql "create temp table g as select i, now() - interval '12 days' + i * (interval '397440 seconds' / $rows) t,
            md5(i::text) m from generate_series(1, $rows) i;
        insert into events select (lpad(to_hex((extract(epoch from t) * 1000)::bigint), 12, '0') || '7' || substr(m, 1, 3)
                || '8' || substr(m, 4, 15))::uuid, 'player-' || i % 50000, 'visit', 'spring-' || i % 50, '{\"s\":\"abc\"}',
            '192.0.2.1', repeat('Mozilla/5.0 ', 8), t, m, null, t, 'counted', null, i % 10, i from g;
        insert into dedupe_day select t::date, ('x' || substr(m, 1, 16))::bit(64)::bigint, i from g;
        insert into dedupe_event select ('x' || substr(m, 1, 16))::bit(64)::bigint, i, i, t::date from g;
        analyze" >fill.log || die "PostgreSQL took the old rows ($(cat fill.log))"
}
fill_sqlite() {
    sqlite3 "$work/analytics.db" >fill.log 2>&1 <<SQL || die "SQLite took the old rows ($(cat fill.log))"
PRAGMA journal_mode = WAL;
CREATE TEMP TABLE g AS WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < $rows)
    SELECT i, (strftime('%s') - 12 * 86400) * 1000 + i * 397440000 / $rows AS ms, random() AS r FROM s;
INSERT INTO events SELECT printf('%08x-%04x-7%03x-8%03x-%012x', ms / 65536, ms % 65536, i % 4096, i / 4096 % 4096, i),
    'player-' || i % 50000, 'visit', 'spring-' || i % 50, '{"s":"abc"}', '192.0.2.1',
    'Mozilla/5.0 Mozilla/5.0 Mozilla/5.0 Mozilla/5.0 Mozilla/5.0 Mozilla/5.0 Mozilla/5.0 Mozilla/5.0 ',
    strftime('%Y-%m-%d %H:%M:%S', ms / 1000, 'unixepoch') || '.000000', 'id-' || i, NULL,
    strftime('%Y-%m-%d %H:%M:%S', ms / 1000, 'unixepoch') || '.000000', 'counted', NULL, i % 10, i FROM g;
INSERT INTO dedupe_day SELECT date(ms / 1000, 'unixepoch'), r, i FROM g ORDER BY 1, 2, 3;
INSERT INTO dedupe_event SELECT r, i, i, date(ms / 1000, 'unixepoch') FROM g ORDER BY 1, 2;
SQL
}
database_up() { # dialect
    if [ "$1" = postgresql ]; then
        postgres_up
    else
        database=(--set Sql:Dialect=sqlite --set "Sql:ConnectionString=Driver={SQLite3};Database=$work/analytics.db")
    fi
    migrate
    "fill_$1"
}
watch_lag() { # name file: milliseconds, five times a second
    while :; do
        curl -fsS -m 2 "http://127.0.0.1:$(port "$1" admin.port)/metrics" 2>/dev/null |
            awk '$1 == "px_consumer_lag_seconds" {printf "%d\n", $2 * 1000}' >>"$2"
        sleep 0.2
    done
}
caught_up() { [ "$(metric "$1" px_consumer_partitions)" = 10 ] && [ "$(metric "$1" px_consumer_lag_messages)" = 0 ]; }
greatest() { sort -n "$1" | tail -n 1; }
median() { sort -n "$1" | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

measure() { # dialect
    local d=$1 began took
    database_up "$d"
    aggregator_up "agg-$d" --set "Kafka:GroupId=$d" --set Retention:Every=0s
    ready "agg-$d" 60
    check "$d: the aggregator has caught up" within 300 caught_up "agg-$d"
    load_up "load-$d" ingest --rate "$rate" --duration 20s --prefix "before-$d"
    watch_lag "agg-$d" "lag-$d.before" &
    pids[watcher]=$!
    ended "load-$d" 60
    kill "${pids[watcher]}"
    load_up "beside-$d" ingest --rate "$rate" --prefix "beside-$d"
    sleep 2
    watch_lag "agg-$d" "lag-$d" &
    pids[watcher]=$!
    note "$d: load average $(cut -d ' ' -f 1 /proc/loadavg), $(nproc) cores"
    began=$(now_ms)
    "$bin/svc-aggregator" "${kafka[@]}" "${database[@]}" --retention=run --json >"retention-$d.json" 2>"retention-$d.log"
    is "$d: retention ends with 0" "$?" 0
    took=$(($(now_ms) - began))
    kill "${pids[watcher]}"
    send TERM "beside-$d"
    ended "beside-$d" 60
    is "$d: every request was answered as it should be" "$status" 0
    python3 - "retention-$d.json" "$d" "$took" "$(median "lag-$d.before")" "$(greatest "lag-$d.before")" \
        "$(median "lag-$d")" "$(greatest "lag-$d")" <<'PY'
import json, sys
file, dialect, took, *lag = sys.argv[1:]
tables = [t for t in json.load(open(file))["tables"] if t["rows"] > 100]
rows = sum(t["rows"] for t in tables)
for t in tables:
    print(f"# {dialect}: {t['table']}: {t['rows']} rows in {t['transactions']} transactions, longest {t['longestMs']:.0f} ms")
print(f"# {dialect}: {rows} rows in {int(took) / 1000:.1f} s, {rows * 1000 // int(took)} rows/s")
print("# %s: lag of the aggregator: median %s, greatest %s ms before; %s, %s ms beside it" % (dialect, *lag))
sys.exit(0 if max(t["longestMs"] for t in tables) < 200 else 1)
PY
    tap $? "$d: no transaction is longer than 200 ms"
    send TERM "agg-$d"
    ended "agg-$d" 40
}

kafka_up
kafka_topics 10
ingest_up ingest
ready ingest 60
for d in "${dialects[@]}"; do measure "$d"; done
