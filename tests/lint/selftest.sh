#!/bin/sh
# Proves that every lint can fail and can pass: in a small tree of its own, each must accept what is
# clean, then each planted violation must be found at its file and line. TAP on stdout.
lint=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$lint/../.." && pwd)
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
n=0 failed=0

result() { # WORD TEXT
    n=$((n + 1))
    echo "$1 $n - $2"
    [ "$1" = ok ] || failed=$((failed + 1))
}
clean() { # LINT [ARG]: the tree as it is must pass
    if out=$(cd "$tree" && sh "tests/lint/$1.sh" $2 2>&1); then
        result ok "$1 accepts a clean tree"
    else
        printf '%s\n' "$out"
        result 'not ok' "$1 accepts a clean tree"
    fi
}
# planted LINT WHERE WHAT [ARG [FOUND]]: the tree must fail, with WHERE (or FOUND) at the start of a
# line. The planted file is read from stdin into the path of WHERE; what was there comes back.
planted() {
    file=$tree/${2%%:*} where=${5:-$2}
    mkdir -p "$(dirname "$file")"
    if [ -e "$file" ]; then cp "$file" "$tree/saved"; fi
    cat >"$file"
    out=$(cd "$tree" && sh "tests/lint/$1.sh" $4 2>&1)
    if [ $? -eq 1 ] && printf '%s\n' "$out" | grep -q "^$where:.*; "; then
        result ok "$1 finds $3"
    else
        printf '%s\n' "$out"
        result 'not ok' "$1 finds $3 ($where)"
    fi
    rm -f "$file"
    if [ -e "$tree/saved" ]; then mv "$tree/saved" "$file"; fi
}
repeat() { # TIMES LINE
    i=0
    while [ "$i" -lt "$1" ]; do
        echo "$2"
        i=$((i + 1))
    done
}

# --- the clean tree ----------------------------------------------------------------------------
mkdir -p "$tree/libcore/src/base" "$tree/libcore/src/http" "$tree/libcore/src/sql" \
    "$tree/libcore/include/px" "$tree/svc-ingest/src" "$tree/tests" "$tree/docs" "$tree/lib" "$tree/bin"
cp -R "$lint" "$tree/tests/lint"
cp "$root/.clang-format" "$tree/"
echo '# no exceptions here' >"$tree/tests/lint/sizes.exceptions"
cat >"$tree/libcore/layers.txt" <<'X'
base : | low.h
http : base | web.h
X
cat >"$tree/libcore/include/px/low.h" <<'X'
/* A header. */
#ifndef PX_LOW_H
#define PX_LOW_H

/* px_low(v): one more than ${v}. */
int px_low(int v);

#endif
X
sed 's/low/web/g; s/LOW/WEB/g' "$tree/libcore/include/px/low.h" >"$tree/libcore/include/px/web.h"
cat >"$tree/libcore/src/base/low.c" <<'X'
/* A source: mentions malloc(1) and "SELECT 1" in comments, which is nobody's business. */
#include <px/low.h>

static const int steps[] = {1};

int px_low(int v) {
    static const char *const names[] = {
        "strcpy(a, b)", /* in a string */
    };
    if (v > 0 && names[0]) {
        return v + steps[0];
    }
    return 0;
}
X
cat >"$tree/libcore/src/http/web.c" <<'X'
/* A source of a higher layer. */
#include <px/web.h>

#include <px/low.h>

int px_web(int v) {
    static const char *const methods[] = {"DELETE", "UPDATE"};
    return px_low(v + methods[0][0]);
}
X
cat >"$tree/libcore/src/sql/text.c" <<'X'
/* The one place for statements. */
const char *px_text(void);

const char *px_text(void) {
    return "SELECT 1";
}
X
sed -i 's/^http.*/&\nsql : base | sql.h/' "$tree/libcore/layers.txt"
cat >"$tree/svc-ingest/src/main.c" <<'X'
/* A program. */
#include <px/web.h>

int main(void) {
    return px_web(0);
}
X
printf 'See `libcore/src/base/low.c`, `docs/*.md` and `docs/<name>.md`.\n' >"$tree/README.md"
cp "$tree/README.md" "$tree/docs/a.md"
cc=${CC:-gcc}
build_archive() { # NAME OBJECT < source
    $cc -c -x c - -o "$tree/lib/$2" && ar rcs "$tree/lib/$1" "$tree/lib/$2" && rm "$tree/lib/$2"
}
build_archive libcore.a low.o <<'X'
int px_low(int v);
static int inner(int v) { return v; }
static const char *const names[] = {"a", "b"};
int px_low(int v) { return inner(v) + names[v & 1][0]; }
X
export LINT_PARTIAL=1
echo 'int main(void) { return 0; }' | $cc -x c - -o "$tree/bin/svc-ingest"

cat >"$tree/docs/ARCHITECTURE.md" <<'X'
# Architecture

## The life of a pixel

| # | hop | where | counter |
|---|---|---|---|
| 1 | low | `libcore/src/base/low.c` `px_low()` | `px_lows_total` |
| 2 | web | `libcore/src/http/web.c` `px_web()` | |
| 3 | main | `svc-ingest/src/main.c` `main()` | |
X
echo 'PX_COUNTER(ING_M_LOWS, "px_lows_total", PX_NOLABEL, "Lows.")' >"$tree/svc-ingest/src/metrics.def"
cat >"$tree/libcore/DESIGN.md" <<'X'
# libcore

## Code structure

Files `base/low.c`, `http/web.[ch]` and `sql/text.c`.
X
cat >"$tree/docs/OPERATIONS.md" <<'X'
## Logs

| event | means |
|---|---|
| `low.ready` | ready |
X
cat >"$tree/svc-ingest/src/events.c" <<'X'
/* Logs. */
#include <px/low.h>

void ing_events(void) {
    px_log(px_low(0) ? 1 : 2,
           "low.ready", "low.field");
}
X
clang-format-14 -i "$tree/svc-ingest/src/events.c"
cat >"$tree/docs/EDGE-CASES.md" <<'X'
# Edge cases

| # | case | answer | shown by |
|---|---|---|---|
| 1 | odd | even | `tests/unit/t.c` `test_odd`; `tests/http/raw.txt` `a row`, `plus + and %` |
| 2 | loud | quiet | `tests/e2e/test_t.sh` `it is quiet` |
| 3 | far | near | None: there is nothing far away. |
X
mkdir -p "$tree/tests/unit" "$tree/tests/http" "$tree/tests/e2e"
cat >"$tree/tests/unit/t.c" <<'X'
/* Tests. */
static void test_odd(void **state) {
    (void)state;
}

static void test_forgotten(void **state) {
    (void)state;
}

const struct CMUnitTest tests[] = {cmocka_unit_test(test_odd)};
X
printf 'a row | i | 200 | open | x\nplus + and %%  | i | 200 | open | x\n' >"$tree/tests/http/raw.txt"
printf '#!/bin/sh\nis "it is quiet" 1 1\n' >"$tree/tests/e2e/test_t.sh"
clang-format-14 -i "$tree/tests/unit/t.c"
for l in layers thirdparty sizes style banned sqltext headers contracts docpaths edgecases flow design events format; do clean $l; done
clean symbols lib
clean needed bin
clean defects bin
# programs that print what docs/generate.sh asks for, and the documents made from them
cp "$root/docs/generate.sh" "$tree/docs/"
cp "$root/libcore/include/px/reason.def" "$root/libcore/include/px/refusal.def" "$tree/libcore/include/px/"
mkdir -p "$tree/svc-ingest/src/guard"
cp "$root/svc-ingest/src/guard/denial.def" "$tree/svc-ingest/src/guard/"
mkdir "$tree/fake"
for p in svc-ingest svc-aggregator svc-metrics-api; do
    cat >"$tree/fake/$p" <<'X'
#!/bin/sh
case $1 in
--docs=errors) printf '| error | HTTP | exit | meaning |\n|---|---|---|---|\n| `busy` | 503 | 75 | full |\n' ;;
--openapi) echo '{"openapi":"3.1.0","tags":["a, {b}"],"paths":{}}' ;;
*) printf '| a | b |\n|---|---|\n| `%s` | %s |\n' "$1" "${FAKE_CELL:-c}" ;;
esac
X
    chmod +x "$tree/fake/$p"
done
(cd "$tree" && sh docs/generate.sh fake docs)
clean generated fake

# --- violations --------------------------------------------------------------------------------
planted layers libcore/src/base/up.c:2 'a lower layer that includes a higher one' <<'X'
/* Planted. */
#include <px/web.h>
X
planted layers libcore/src/http/over.c:2 'an include that leaves its folder' <<'X'
/* Planted. */
#include "../base/low.h"
X
planted layers svc-ingest/src/other.c:2 'a service that includes another' <<'X'
/* Planted. */
#include "../../svc-aggregator/src/agg.h"
X
mkdir -p "$tree/svc-ingest/src/room"
for h in inner face; do printf '/* %s. */\n#ifndef ING_%s_H\n#define ING_%s_H\n#endif\n' $h $h $h >"$tree/svc-ingest/src/room/$h.h"; done
echo 'svc-ingest/room : | face.h' >>"$tree/libcore/layers.txt"
planted layers svc-ingest/src/other.c:3 'a look inside a room' <<'X'
/* A service file. */
#include "face.h"
#include "inner.h"
X
mkdir "$tree/svc-ingest/src/second" "$tree/svc-ingest/src/third"
for h in beside all; do printf '/* %s. */\n#ifndef ING_%s_H\n#define ING_%s_H\n#endif\n' $h $h $h >"$tree/svc-ingest/src/$h.h"; done
echo 'svc-ingest/second : room beside.h |' >>"$tree/libcore/layers.txt"
planted layers svc-ingest/src/second/a.c:3 'a room that knows the inside of another' <<'X'
/* A file of a room. */
#include "face.h"
#include "inner.h"
X
planted layers svc-ingest/src/room/a.c:3 'a room that knows what it must not' <<'X'
/* A file of a room. */
#include "inner.h"
#include "all.h"
X
planted layers svc-ingest/src/third/a.c:1 'a folder of a service without a row' <<'X'
/* A file of no room. */
X
echo 'svc-ingest/third : |' >>"$tree/libcore/layers.txt"
planted layers svc-ingest/src/third/a.c:2 'a room that knows a room it must not' <<'X'
/* A file of a room. */
#include "face.h"
X
printf '/* A file of a room. */\n#include "beside.h"\n#include "face.h"\n' >"$tree/svc-ingest/src/second/a.c"
if out=$(cd "$tree" && sh tests/lint/layers.sh | grep src/second); then
    printf '%s\n' "$out"
    result 'not ok' "layers accepts what a room may know"
else
    result ok "layers accepts what a room may know"
fi
sed -i '$d' "$tree/libcore/layers.txt"
rm -r "$tree/svc-ingest/src/second" "$tree/svc-ingest/src/third" "$tree/svc-ingest/src/beside.h" "$tree/svc-ingest/src/all.h"
{ cat "$tree/libcore/layers.txt"; echo 'svc-ingest/up : third | gone.h'; } >"$tree/in"
planted layers "libcore/layers.txt:$(grep -c '' "$tree/in")" 'a room that looks into one that is not above it' <"$tree/in"
sed -i '/^svc-ingest\/room/d;/^svc-ingest\/second/d' "$tree/libcore/layers.txt"
rm -r "$tree/svc-ingest/src/room"
planted layers libcore/include/px/stray.h:1 'a header that no layer owns' <<'X'
/* Planted. */
X
planted layers libcore/layers.txt:1 'a cycle of layers' <<'X'
base : http | low.h
http : base | web.h
sql : base | sql.h
X
planted thirdparty svc-ingest/src/db.c:2 'ODBC in a service' <<'X'
/* Planted. */
#include <sql.h>
X
planted thirdparty libcore/include/px/web.h:2 'libevent in a public header' <<'X'
/* Planted. */
#include <event2/event.h>
X
{ echo '/* Planted. */'; repeat 500 'int a;'; } >"$tree/in"
planted sizes libcore/src/base/long.c:1 'a long file' <"$tree/in"
{ echo '/* Planted. */'; repeat 200 'int a;'; } >"$tree/in"
planted sizes libcore/src/base/long.h:1 'a long header' <"$tree/in"
{ echo 'int f(void) {'; repeat 59 '    g();'; echo '}'; } >"$tree/in"
planted sizes libcore/src/base/f.c:1 'a long function' <"$tree/in"
planted sizes libcore/src/base/f.c:1 'seven parameters' <<'X'
int f(int a, int b, int c, void (*d)(int, int), int e, int g,
      int h) {
}
X
planted sizes libcore/src/base/f.c:1 'five levels' <<'X'
void f(void) {
    if (a) {
        for (;;) {
            while (b) {
                switch (c) {
                case 1:
                    if (d) {
                    }
                }
            }
        }
    }
}
X
planted sizes tests/lint/sizes.exceptions:1 'an exception without need' '' libcore/src/base/low.c:6 <<'X'
libcore/src/base/low.c lines:px_low 70
X
planted sizes tests/lint/sizes.exceptions:1 'an exception for nothing' <<'X'
libcore/src/base/gone.c file 700
X
{ echo '/* Planted. */'; repeat 600 'int a;'; } >"$tree/libcore/src/base/old.c"
cp "$tree/tests/lint/sizes.exceptions" "$tree/saved-rows"
echo 'libcore/src/base/old.c file 601' >>"$tree/tests/lint/sizes.exceptions"
clean sizes # an exception that is exactly true
{ echo '/* Planted. */'; repeat 599 'int a;'; } >"$tree/in"
planted sizes libcore/src/base/old.c:1 'a file that shrank below its exception' <"$tree/in"
{ echo '/* Planted. */'; repeat 601 'int a;'; } >"$tree/in"
planted sizes libcore/src/base/old.c:1 'a file that outgrew its exception' <"$tree/in"
mv "$tree/saved-rows" "$tree/tests/lint/sizes.exceptions"
rm "$tree/libcore/src/base/old.c"
planted style libcore/src/base/s.c:4 'a body without braces' <<'X'
/* Planted. */
int f(int a) {
    if (a &&
        a > 1)
        return 1;
    return 0;
}
X
planted style libcore/src/base/s.c:1 'a file that does not say what it is' <<'X'
int a;
X
planted style libcore/src/base/s.c:2 'a comment of the other kind' <<'X'
/* Planted. */
int a; // two
X
planted banned libcore/src/base/b.c:2 'strcpy' <<'X'
/* Planted. */
void f(char *a) { strcpy(a, "x"); }
X
planted banned tests/unit/b.c:2 'atoi in a test' <<'X'
/* Planted. */
int f(char *a) { return atoi(a); }
X
planted banned svc-ingest/src/b.c:2 'malloc outside mem.c' <<'X'
/* Planted. */
void *f(void) { return malloc(1); }
X
planted sqltext svc-ingest/src/q.c:2 'SQL in a service' <<'X'
/* Planted. */
const char *q = "SELECT count(*) FROM events";
X
planted sqltext svc-ingest/src/q.c:2 'a statement of one word' <<'X'
/* Planted. */
const char *q = "COMMIT";
X
planted sqltext svc-ingest/src/q.c:2 'a statement that goes on in the next line' <<'X'
/* Planted. */
const char *q = "DELETE \"
                "FROM events";
X
planted headers libcore/include/px/web.h:1 'a header that does not compile alone' <<'X'
/* Planted. */
#ifndef PX_WEB_H
#define PX_WEB_H
size_t px_web(int v);
#endif
X
planted headers libcore/include/px/web.h:1 'a header without a guard' <<'X'
/* Planted. */
struct px_web {
    int v;
};
X
planted contracts libcore/include/px/web.h:5 'a function without a contract' <<'X'
/* Planted. */
#ifndef PX_WEB_H
#define PX_WEB_H

int px_web(int v);

#endif
X
planted docpaths docs/b.md:2 'a path that does not exist' <<'X'
Text.
See `libcore/src/base/gone.c`.
X
# edge WHAT ROW: the second row of the table, replaced.
edge() {
    sed "5,7d" "$tree/docs/EDGE-CASES.md" >"$tree/in"
    printf '| 1 | odd | even | `tests/unit/t.c` `test_odd`; `tests/http/raw.txt` `a row` |\n%s\n| 3 | a | b | %s |\n' "$2" \
        '`tests/e2e/test_t.sh` `it is quiet`' >>"$tree/in"
    planted edgecases docs/EDGE-CASES.md:"${3:-6}" "$1" <"$tree/in"
}
edge 'a test that is gone' '| 2 | a | b | `tests/unit/t.c` `test_gone` |'
edge 'a test that no list holds' '| 2 | a | b | `tests/unit/t.c` `test_forgotten` |'
edge 'a raw request that is gone' '| 2 | a | b | `tests/http/raw.txt` `a ro` |'
edge 'a part of a text of a script' '| 2 | a | b | `tests/e2e/test_t.sh` `quiet` |'
edge 'a test of a file that is gone' '| 2 | a | b | `tests/unit/gone.c` `test_odd` |'
edge 'a test without a file' '| 2 | a | b | `test_odd` |'
edge 'a row without a test' '| 2 | a | b | it is so |'
edge 'a row without a reason' '| 2 | a | b | None: |'
edge 'a row that was left out' 'Text.' 7
planted edgecases docs/EDGE-CASES.md:1 'a page without its table' <<'X'
# Edge cases
X
planted flow docs/ARCHITECTURE.md:5 'a row with a file that is gone' <<'X'
## The life of a pixel
| 1 | low | `libcore/src/base/low.c` `px_low()` | |
| 2 | web | `libcore/src/http/web.c` `px_web()` | |
| 3 | main | `svc-ingest/src/main.c` `main()` | |
| 4 | gone | `libcore/src/base/gone.c` `px_gone()` | |
X
planted flow docs/ARCHITECTURE.md:3 'a row with a function that is called there, not defined' <<'X'
## The life of a pixel
| 1 | low | `libcore/src/base/low.c` `px_low()` | |
| 2 | web | `libcore/src/http/web.c` `px_low()` | |
| 3 | main | `svc-ingest/src/main.c` `main()` | |
X
planted flow docs/ARCHITECTURE.md:2 'a row with a metric that nobody declares' <<'X'
## The life of a pixel
| 1 | low | `libcore/src/base/low.c` `px_low()` | `px_gone_total` |
| 2 | web | `libcore/src/http/web.c` `px_web()` | |
| 3 | main | `svc-ingest/src/main.c` `main()` | |
X
planted flow docs/ARCHITECTURE.md:1 'a document without the table' <<'X'
## Something else
X
planted design libcore/src/base/fresh.c:1 'a source that DESIGN.md does not name' '' libcore/DESIGN.md:1 <<'X'
/* Planted. */
X
planted design libcore/DESIGN.md:2 'a row for a source that is gone' <<'X'
## Code structure
`base/low.c` `http/web.c` `sql/text.c` `base/gone.c`
X
planted design libcore/DESIGN.md:1 'a design without the section' <<'X'
# libcore
X
planted events svc-ingest/src/more.c:2 'an event that OPERATIONS.md does not name' <<'X'
/* Planted. */
void f(void) { px_log0(1, "low.failed"); }
X
planted events docs/OPERATIONS.md:3 'an event that nobody logs' <<'X'
## Logs
| `low.ready` | ready |
| `low.gone` | gone |
X
planted generated docs/options.md:1 'a reference written by hand' fake <<'X'
# Options
X
planted generated docs/openapi.json:1 'an OpenAPI document of yesterday' fake <<'X'
{}
X
(cd "$tree" && FAKE_CELL=d sh tests/lint/generated.sh fake >/dev/null 2>&1)
if [ $? -eq 1 ]; then result ok 'generated finds a program that prints something else'; else result 'not ok' 'generated finds a program that prints something else'; fi
planted format libcore/src/base/low.h:2 'a file that is not formatted' <<'X'
/* Planted. */
int   a ;
X

# --- evolution: the project's own catalog, changed ------------------------------------------------
cp -R "$root/schemas" "$tree/"
cp "$root/libcore/include/px/avro.h" "$tree/libcore/include/px/"
clean evolution
changed() { # FILE SAYS SED-SCRIPT: a change of schemas/FILE that must be found, and what is said of it
    sed -E "$3" "$root/schemas/$1" >"$tree/schemas/$1"
    out=$(cd "$tree" && sh tests/lint/evolution.sh 2>&1)
    if [ $? -eq 1 ] && printf '%s\n' "$out" | grep -q "^schemas/$1:[0-9]*: .*$2.*; "; then
        result ok "evolution finds: $2"
    else
        printf '%s\n' "$out"
        result 'not ok' "evolution finds: $2"
    fi
    cp "$root/schemas/$1" "$tree/schemas/$1"
}
changed events.yaml 'type registration is gone' 's/- type: registration/- type: signup/'
changed events.yaml 'type deposit is counted once per event_id, not day' '/type: deposit/,$s/dedupe: day/dedupe: event_id/'
changed events.yaml 'type visit is no pixel' '/type: visit/,/dedupe/s/pixel: true/pixel: false/'
changed events.yaml 'type deposit: attribute currency is gone' '/name: currency/d'
changed events.yaml 'type deposit: attribute amountMinor is number, not int' 's/kind: int, min: 0, max: [0-9]*/kind: number/'
changed events.yaml 'type deposit: attribute amountMinor has a lower max' 's/max: 100000000000/max: 10/'
changed events.yaml 'type deposit: attribute amountMinor has a higher min' 's/min: 0/min: 1/'
changed events.yaml 'type deposit: attribute currency is required' 's/(name: currency.*max: 3)/\1, required: true/'
changed events.yaml 'type deposit: attribute plan is new and required' 's/(.*)name: currency.*/&\n\1name: plan, kind: bool, required: true}/'
changed events.yaml 'family pixel has another topic' 's/topic: PIXEL_EVENTS/topic: OTHER/'
changed rollups.yaml 'rollup minute_summary has another bucket' 's/bucket: 1m/bucket: 5m/'
changed rollups.yaml 'rollup daily_metrics has another key' '/name: daily_metrics/,$s/from: event_type/from: banner_tag/'
changed rollups.yaml 'rollup players: measure total_deposits is moved by other events' 's/on: distinct/on: counted/'
changed rollups.yaml 'rollup event_summary is gone' 's/name: event_summary/name: other/'
changed avro/event.avsc 'field player_id is gone' '/"player_id"/d'
changed avro/event.avsc 'field received_at has another type' '/"received_at"/s/"long"/"string"/'
changed avro/event.avsc 'field locale is new and has no default' 's/(\{"name": "traceparent".*\})/\1, {"name": "locale", "type": "string"}/'
changed avro/event.avsc 'fields stand in another order' '/"event_type"/{h;d};/"player_id"/{G}'
changed avro/event.avsc 'differs under the same fixed id 1' 's/(\{"name": "traceparent".*\})/\1, {"name": "locale", "type": ["null", "string"], "default": null}/'
changed avro/dlq.avsc 'field payload is gone' '/"name": "payload"/d'
planted evolution schemas/history/exceptions:1 'an exception that fits nothing' <<'X'
0.1.0 events.yaml: type gone is gone -- it never was
X
sed 's/max: 100000000000/max: 10/' "$root/schemas/events.yaml" >"$tree/schemas/events.yaml"
echo '0.1.0 events.yaml: type deposit: attribute amountMinor has a lower max -- nobody sends so much' >"$tree/schemas/history/exceptions"
clean evolution # a change that was thought over
cp "$root/schemas/history/exceptions" "$tree/schemas/history/"
{ cat "$root/schemas/events.yaml"; echo '  - {type: level_up, family: pixel, pixel: true, dedupe: event_id}'; } >"$tree/schemas/events.yaml"
clean evolution # a new type
rm -rf "$tree/schemas" "$tree/libcore/include/px/avro.h"

# --- data: the project's own tables, topics and page, changed ---------------------------------------
mkdir -p "$tree/deploy"
cp -R "$root/database" "$tree/"
cp -R "$root/deploy/kafka" "$tree/deploy/"
cp "$tree/docs/options.md" "$tree/saved-options"
cp "$root/docs/DATA.md" "$root/docs/options.md" "$tree/docs/"
clean data
differs() { # FILE SED-SCRIPT AT SAYS: a change of FILE that must be found there, and what is said of it
    cp "$tree/$1" "$tree/saved"
    sed -i -E "$2" "$tree/$1"
    out=$(cd "$tree" && sh tests/lint/data.sh 2>&1)
    if [ $? -eq 1 ] && printf '%s\n' "$out" | grep -q "^$3:[0-9]*: $4.*; "; then
        result ok "data finds: $4"
    else
        printf '%s\n' "$out"
        result 'not ok' "data finds: $4"
    fi
    mv "$tree/saved" "$tree/$1"
}
page=docs/DATA.md
for dialect in "$tree"/database/*/schema.sql; do
    dialect=${dialect#"$tree/"}
    differs "$dialect" 's/^( *)disposition .*/&\n\1referrer TEXT,/' "$dialect" 'events.referrer is not in'
    differs "$dialect" '$aCREATE TABLE erasures (\n    subject TEXT NOT NULL,\n    PRIMARY KEY (subject)\n);' "$dialect" 'erasures.subject is not in'
done
differs $page 's/^\| `session_id` .*/&\n| `referrer` | page | text | yes |/' $page 'no schema has events.referrer'
differs $page '/^\| `user_agent` /d' database/postgresql/schema.sql 'events.user_agent is not in'
differs $page '/^\| `user_agent` /s/yes/maybe/' $page 'events.user_agent has the mark "maybe"'
differs $page '/^\| `user_agent` /s/yes/no/' $page 'events.user_agent is not marked'
differs $page 's/`events.user_agent`, //' $page 'events.user_agent is about people and not in'
differs $page 's/^### `players`/### `persons`/' $page 'database.privileges.txt has no row for persons'
differs $page '/^### `players`/,/Class/s/Class: stays/Class: forever/' $page '"forever" is no class'
differs $page '/^### `players`/,/Class/{/^Written/d}' $page 'players has no line'
differs database/privileges.txt 's/^(players +)siu     -/\1siu     s/' $page 'database.privileges.txt says of players'
differs $page 's/`Retention:Raw` \| `3d`/`Retention:Raw` | `7d`/' $page 'docs.options.md says that Retention:Raw is 3d'
differs deploy/kafka/topics.yaml 's/retention.ms, value: 259200000/retention.ms, value: 604800000/' $page 'deploy.kafka.topics.yaml keeps events for 7 days'
differs deploy/kafka/topics.yaml 's/^principals:/  - of: audit\n&/' deploy/kafka/topics.yaml 'topic audit is not in'
differs $page 's/^\| `dead-letters` /| `audit` /' $page 'deploy.kafka.topics.yaml has no topic audit'
planted data docs/DATA.md:1 'a page without tables' '' database/postgresql/schema.sql:3 <<'X'
# Data
X
rm -rf "$tree/database" "$tree/deploy" "$tree/docs/DATA.md"
mv "$tree/saved-options" "$tree/docs/options.md"

# --- archives and programs -----------------------------------------------------------------------
# found LINT TEXT WHAT ARG: like planted, for what was built.
found() {
    out=$(cd "$tree" && sh "tests/lint/$1.sh" "$4" 2>&1)
    if [ $? -eq 1 ] && printf '%s\n' "$out" | grep -q "$2.*; "; then
        result ok "$1 finds $3"
    else
        printf '%s\n' "$out"
        result 'not ok' "$1 finds $3"
    fi
}
build_archive libcore.a bad.o <<'X'
int helper(void);
int helper(void) { return 1; }
X
found symbols 'helper is exported' 'an exported name without prefix' lib
build_archive libcore.a bad.o <<'X'
int px_next(void);
static int counter;
int px_next(void) { return ++counter; }
X
found symbols 'counter is a writable global' 'a writable global' lib
build_archive libcore.a bad.o <<'X'
int px_next(void);
int px_next(void) { static _Thread_local int calls = 4; return ++calls; }
X
found symbols 'calls is a writable global' 'a writable static of a function' lib
echo 'int main(void) { return 0; }' | $cc -x c - -Wl,--no-as-needed -lodbc -o "$tree/bin/svc-ingest"
found needed 'needs libodbc' 'ODBC behind ingest' bin
planted defects svc-ingest/src/d.c:2 'a planted defect without a row' bin <<'X'
/* Planted. */
int f(void) { return PX_DEFECT("ing.stray"); }
X
planted defects libcore/include/px/defect.h:2 'a row that is planted nowhere' bin <<'X'
/* Planted. */
    X("ing.gone") /* gone */
X
echo '    X("ing.fault")' >"$tree/libcore/include/px/defect.h"
echo 'int f(void) { return PX_DEFECT("ing.fault"); }' >"$tree/svc-ingest/src/d.c"
clean defects bin
echo 'int main(void) { static const char *volatile name = "ing.fault"; return !name; }' | $cc -x c - -o "$tree/bin/svc-ingest"
found defects '"ing.fault" is in a release' 'a planted defect in a release' bin

# --- tests/test.sh -------------------------------------------------------------------------------
# What is built ahead ends with the step that takes it over, also what make itself does not end.
cp tests/test.sh "$tree/tests/test.sh"
cat >"$tree/make" <<'X'
#!/bin/sh
case " $* " in
*' build-tests '*) sh -c 'echo $$ >"$0.compiler"; exec sleep 60' "$0" & wait ;;
*) for n in 1 2 3 4 5 6 7 8 9 10; do [ -s "$0.compiler" ] || sleep 0.3; done ;;
esac
X
chmod +x "$tree/make"
MAKE=$tree/make ONLY='integration asan' bash "$tree/tests/test.sh" >/dev/null
compiler=$(cat "$tree/make.compiler")
if [ -n "$compiler" ] && [ ! -e "/proc/$compiler/exe" ]; then
    result ok 'test.sh ends what it builds ahead'
else
    [ -z "$compiler" ] || kill "$compiler"
    result 'not ok' 'test.sh ends what it builds ahead'
fi

echo "1..$n"
[ "$failed" -eq 0 ]
