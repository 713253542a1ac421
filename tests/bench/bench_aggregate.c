/* The aggregator below Kafka on fresh databases: made-up Avro messages go through the service's own
 * batch, decode and settle, 5,000 to a transaction (BENCH_BATCH=n). Judged is CPU time per event,
 * the database server's included; events per second inform. Every statement's share is printed too:
 * the calls into the SQL layer are wrapped by the linker (see module.mk), so what runs is the
 * service's code. BENCH_GROW=1: one database that keeps growing instead, and what an event costs
 * when there are 10^5, 10^6 ... (up to BENCH_EVENTS) already.
 */
#include "bench.h"
#include "data.h"
#include "settle.h"
#include "sql_fixture.h"

#include <px/event_avro.h>

#include <stdio.h>
#include <stdlib.h>

#define PARTITIONS 10
#define BATCH_MAX  ((size_t)50000)

/* --- the share of every statement --------------------------------------------------------------
 */
#define STATEMENTS_MAX 48
static struct watch {
    pid_t server; /* the backend of the connection under measurement; 0 = none */
    struct {
        const struct px_stmt *st;
        char name[64];
        int64_t ns;
    } v[STATEMENTS_MAX];
    size_t n;
    int64_t commit_ns;
} watched;

enum px_code __real_px_sql_prepare(struct px_sql *s, struct px_str text, struct px_stmt **ret,
                                   struct px_err *reterr);
enum px_code __real_px_stmt_run(struct px_stmt *st, struct px_err *reterr);
enum px_code __real_px_stmt_next(struct px_stmt *st, struct px_err *reterr);
enum px_code __real_px_tx_commit(struct px_sql *s, enum px_outcome *ret, struct px_err *reterr);
enum px_code __wrap_px_sql_prepare(struct px_sql *s, struct px_str text, struct px_stmt **ret,
                                   struct px_err *reterr);
enum px_code __wrap_px_stmt_run(struct px_stmt *st, struct px_err *reterr);
enum px_code __wrap_px_stmt_next(struct px_stmt *st, struct px_err *reterr);
enum px_code __wrap_px_tx_commit(struct px_sql *s, enum px_outcome *ret, struct px_err *reterr);

static int64_t cpu(void) {
    return bench_cpu_thread() + (watched.server ? bench_cpu_of(watched.server) : 0);
}

/* The first quoted word behind INTO, UPDATE or FROM: the table. */
static void name_of(struct px_str text, char *out, size_t cap) {
    static const char *const words[] = {"INSERT INTO \"", "UPDATE \"", "FROM \"", "JOIN \""};
    for (size_t i = 0; i < PX_ARRAY_LEN(words); i++) {
        const char *at = memmem(text.p, text.n, words[i], strlen(words[i]));
        if (at) {
            at += strlen(words[i]);
            size_t n = strcspn(at, "\"");
            (void)snprintf(out, cap, "%s %.*s",
                           i == 0   ? "into"
                           : i == 1 ? "update"
                                    : "read",
                           (int)n, at);
            return;
        }
    }
    (void)snprintf(out, cap, "other");
}

enum px_code __wrap_px_sql_prepare(struct px_sql *s, struct px_str text, struct px_stmt **ret,
                                   struct px_err *reterr) {
    enum px_code rc = __real_px_sql_prepare(s, text, ret, reterr);
    if (rc == PX_OK && watched.n < STATEMENTS_MAX) {
        watched.v[watched.n].st = *ret;
        watched.v[watched.n].ns = 0;
        name_of(text, watched.v[watched.n].name, sizeof watched.v[0].name);
        watched.n++;
    }
    return rc;
}

static void charge(const struct px_stmt *st, int64_t ns) {
    for (size_t i = watched.n; i > 0; i--) {
        if (watched.v[i - 1].st == st) {
            watched.v[i - 1].ns += ns;
            return;
        }
    }
}

enum px_code __wrap_px_stmt_run(struct px_stmt *st, struct px_err *reterr) {
    int64_t from = cpu();
    enum px_code rc = __real_px_stmt_run(st, reterr);
    charge(st, cpu() - from);
    return rc;
}

enum px_code __wrap_px_stmt_next(struct px_stmt *st, struct px_err *reterr) {
    int64_t from = bench_cpu_thread();
    enum px_code rc = __real_px_stmt_next(st, reterr);
    charge(st, bench_cpu_thread() - from);
    return rc;
}

enum px_code __wrap_px_tx_commit(struct px_sql *s, enum px_outcome *ret, struct px_err *reterr) {
    int64_t from = cpu();
    enum px_code rc = __real_px_tx_commit(s, ret, reterr);
    watched.commit_ns += cpu() - from;
    return rc;
}

/* --- the service without Kafka ------------------------------------------------------------------
 */
struct rig {
    struct sql_fixture db;
    struct agg_conf conf;
    struct agg_status status;
    struct px_catalog *catalog;
    struct px_rollups *rollups;
    struct px_labels types;
    struct px_metric_def defs[AGG_METRICS];
    struct px_metrics *metrics;
    struct agg_core core;
    struct agg_batch batch;
    struct bench_data data;
    struct px_arena messages;
    struct agg_record records[BATCH_MAX];
    size_t per_batch;
    int64_t offset[PARTITIONS];
};

static void must(enum px_code rc, const struct px_err *e) {
    if (rc != PX_OK) {
        bench_die(px_code_name(rc), e->msg);
    }
}

static void open_core(struct rig *r) {
    struct px_err e = PX_ERR_INIT;
    r->core = (struct agg_core){.conf = &r->conf,
                                .catalog = r->catalog,
                                .rollups = r->rollups,
                                .clock = &px_clock_system,
                                .status = &r->status,
                                .shard = px_metrics_shard(r->metrics, 0),
                                .topic = "EVT_BENCH",
                                .owner = "bench"};
    must(agg_core_init(&r->core, &e), &e);
    (void)snprintf(r->core.log_id, sizeof r->core.log_id, "bench");
    must(agg_core_connect(&r->core, &e), &e);
}

static void take(struct rig *r) {
    struct px_err e = PX_ERR_INIT;
    struct agg_wanted w[PARTITIONS];
    for (int32_t i = 0; i < PARTITIONS; i++) {
        w[i] = (struct agg_wanted){
            .partition = i, .low = 0, .high = 0, .looked_at = px_wall(&px_clock_system)};
    }
    struct agg_take t = {
        .log_id = r->core.log_id, .w = w, .n = PARTITIONS, .now = px_wall(&px_clock_system)};
    must(agg_core_take(&r->core, &t, &e), &e);
}

static void rig_open(struct rig *r, const struct px_dialect *d, uint64_t seed, size_t per_batch) {
    struct px_err e = PX_ERR_INIT;
    memset(r, 0, sizeof *r);
    r->per_batch = per_batch;
    sql_fixture_open(&r->db, d);
    agg_status_init(&r->status);
    r->catalog = bench_catalog();
    must(px_rollups_load("schemas/rollups.yaml", r->catalog, &r->rollups, &e), &e);
    r->types =
        (struct px_labels){.v = px_catalog_names(r->catalog), .n = px_catalog_count(r->catalog)};
    must(agg_metrics_new(&r->types, r->defs, &r->metrics, &e), &e);
    r->conf.sql = r->db.conf;
    r->conf.batch_events = (int64_t)per_batch;
    r->conf.batch_bytes = 64 << 20;
    r->conf.batch_delay = 200 * PX_US_PER_MS;
    r->conf.raw_store = true;
    r->conf.log_id = "";
    struct agg_batch_limits limits = {
        .max_events = per_batch, .max_bytes = 64 << 20, .max_delay = 200 * PX_US_PER_MS};
    must(agg_batch_init(&r->batch, &limits, &e), &e);
    px_arena_init(&r->messages, (size_t)256 << 20);
    bench_data_init(&r->data, seed);
    memset(&watched, 0, sizeof watched);
    open_core(r);
    if (strcmp(d->name, "postgresql") == 0) {
        struct px_stmt *st = sql_prepare(r->core.sql, "SELECT pg_backend_pid()");
        must(px_stmt_run(st, &e), &e);
        must(px_stmt_next(st, &e), &e);
        watched.server = (pid_t)px_col_i64(st, 0);
        px_stmt_free(st);
    }
    take(r);
}

static void rig_close(struct rig *r) {
    watched.server = 0; /* it ends with the connection */
    agg_batch_fini(&r->batch);
    agg_core_fini(&r->core);
    px_metrics_free(r->metrics);
    px_rollups_free(r->rollups);
    px_catalog_free(r->catalog);
    agg_status_fini(&r->status);
    px_arena_fini(&r->messages);
    sql_fixture_close(&r->db);
}

/* --- one batch ----------------------------------------------------------------------------------
 */
static void make(struct rig *r) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 20);
    px_arena_reset(&r->messages);
    for (size_t i = 0; i < r->per_batch; i++) {
        struct px_event ev = bench_data_event(&r->data, r->catalog, &r->messages);
        px_buf_reset(&b);
        px_event_to_avro(&ev, &b);
        int32_t p = (int32_t)((px_murmur2(ev.player_id) & 0x7fffffff) % PARTITIONS);
        r->records[i] = (struct agg_record){.partition = p,
                                            .offset = r->offset[p]++,
                                            .key = ev.player_id,
                                            .value = px_arena_dup(&r->messages, px_buf_view(&b))};
        if (!r->records[i].value.p) {
            bench_die("messages", "no memory");
        }
    }
}

static enum px_code bury(void *arg, struct agg_item *item, struct px_err *reterr) {
    (void)arg;
    return PX_FAIL(reterr, PX_INTERNAL, "a made-up event was refused: %s",
                   px_reason_code(item->reason));
}

static void decode(struct rig *r) {
    struct px_err e = PX_ERR_INIT;
    const struct agg_decoder decoder = {.catalog = r->catalog};
    for (size_t i = 0; i < r->per_batch; i++) {
        const struct agg_part *p = agg_parts_find(&r->core.parts, r->records[i].partition);
        struct agg_item *it = NULL;
        must(agg_batch_add(&r->batch, p->next, &r->records[i], 1, &it, &e), &e);
        must(agg_decode(&decoder, it, &r->batch.arena, &e), &e);
    }
}

static void settle(struct rig *r) {
    struct px_err e = PX_ERR_INIT;
    struct agg_morgue morgue = {.put = bury};
    struct agg_slice s = agg_batch_seal(&r->batch);
    must(agg_settle(&r->core, &morgue, &s, &r->batch.arena, &e), &e);
    agg_batch_reset(&r->batch);
}

/* --- one repetition -----------------------------------------------------------------------------
 */
struct spent {
    int64_t wall, decode, client, server;
};

static struct spent fill(struct rig *r, size_t events) {
    struct spent s = {0};
    for (size_t n = 0; n < events; n += r->per_batch) {
        make(r);
        int64_t wall = bench_wall();
        int64_t client = bench_cpu_thread();
        int64_t server = watched.server ? bench_cpu_of(watched.server) : 0;
        decode(r);
        s.decode += bench_cpu_thread() - client;
        settle(r);
        s.client += bench_cpu_thread() - client;
        s.server += (watched.server ? bench_cpu_of(watched.server) : 0) - server;
        s.wall += bench_wall() - wall;
    }
    return s;
}

/* A figure about work that did not take place is none. */
static void verify(struct rig *r, size_t events) {
    int64_t stored = sql_int(r->db.s, "SELECT count(*) FROM events");
    int64_t told = sql_int(r->db.s, "SELECT sum(counted + repeated + duplicate + conflict) FROM "
                                    "partition_ledger");
    int64_t counted = sql_int(r->db.s, "SELECT sum(count) FROM daily_metrics");
    int64_t keys = sql_int(r->db.s, "SELECT count(*) FROM dedupe_day");
    if (stored != (int64_t)events || told != stored || counted != keys || counted == 0) {
        bench_die("aggregate", "the tables do not add up");
    }
}

struct results {
    struct bench_runs rate, total, client, server, decode, commit;
    struct {
        char name[64];
        struct bench_runs us;
    } st[STATEMENTS_MAX];
    size_t nst;
};

static double us(int64_t ns, size_t events) {
    return (double)ns / 1000 / (double)events;
}

static void note(struct results *x, const struct spent *s, size_t events) {
    bench_add(&x->rate, (double)events * 1e9 / (double)s->wall);
    bench_add(&x->total, us(s->client + s->server, events));
    bench_add(&x->client, us(s->client, events));
    bench_add(&x->server, us(s->server, events));
    bench_add(&x->decode, us(s->decode, events));
    bench_add(&x->commit, us(watched.commit_ns, events));
    x->nst = watched.n;
    for (size_t i = 0; i < watched.n; i++) {
        memcpy(x->st[i].name, watched.v[i].name, sizeof x->st[i].name);
        bench_add(&x->st[i].us, us(watched.v[i].ns, events));
    }
}

static void print(const char *bench, const char *name, const char *unit,
                  const struct bench_runs *runs) {
    bench_print(&(struct bench_figure){.bench = bench, .name = name, .unit = unit, .runs = runs});
}

static void report(const struct results *x, bool postgres) {
    const char *bench = postgres ? "aggregate postgresql" : "aggregate sqlite";
    static const char cpu_unit[] = "us CPU/event";
    bench_print(&(struct bench_figure){.bench = bench,
                                       .name = "one connection",
                                       .unit = "events/s",
                                       .runs = &x->rate,
                                       .aim = postgres ? 30000 : 25000,
                                       .at_least = true});
    bench_print(&(struct bench_figure){.bench = bench,
                                       .name = postgres ? "client and server" : "client",
                                       .unit = cpu_unit,
                                       .runs = &x->total,
                                       .aim = postgres ? 33 : 40,
                                       .judged = true});
    print(bench, "of it decode and keys", cpu_unit, &x->decode);
    if (postgres) {
        print(bench, "of it the client", cpu_unit, &x->client);
        print(bench, "of it the server", cpu_unit, &x->server);
    }
    for (size_t i = 0; i < x->nst; i++) {
        if (bench_median(&x->st[i].us) >= 0.05) {
            char name[96];
            (void)snprintf(name, sizeof name, "of it %s", x->st[i].name);
            print(bench, name, cpu_unit, &x->st[i].us);
        }
    }
    print(bench, "of it commit", cpu_unit, &x->commit);
}

static void measure(const struct px_dialect *d, size_t events, size_t per_batch) {
    static struct rig r;
    static struct results x;
    memset(&x, 0, sizeof x);
    for (size_t i = 0; i < bench_reps(3); i++) {
        rig_open(&r, d, i + 1, per_batch);
        struct spent s = fill(&r, events);
        verify(&r, events);
        note(&x, &s, events);
        rig_close(&r);
    }
    report(&x, strcmp(d->name, "postgresql") == 0);
}

/* --- what is stored already
 * -----------------------------------------------------------------------
 */
#define GROW_WINDOW ((size_t)100000) /* the events before each mark that are measured */

static int64_t bytes_stored(struct rig *r) {
    return sql_int(r->db.s, strcmp(r->db.dialect->name, "postgresql") == 0
                                ? "SELECT pg_database_size(current_database())"
                                : "SELECT page_count * page_size FROM pragma_page_count(), "
                                  "pragma_page_size()");
}

static void grown(const struct rig *r, size_t stored, const char *what, const char *unit,
                  double value) {
    struct bench_runs one = {.n = 0};
    char bench[64], name[96];
    bench_add(&one, value);
    (void)snprintf(bench, sizeof bench, "grow %s", r->db.dialect->name);
    (void)snprintf(name, sizeof name, "at %zu events: %s", stored, what);
    print(bench, name, unit, &one);
}

static void grow(const struct px_dialect *d, size_t events, size_t per_batch) {
    static const char unit[] = "us CPU/event";
    static struct rig r;
    size_t held = 0;
    rig_open(&r, d, 1, per_batch);
    int64_t empty = bytes_stored(&r);
    for (size_t mark = GROW_WINDOW; mark <= events; mark *= 10) {
        (void)fill(&r, mark - GROW_WINDOW - held);
        for (size_t i = 0; i < watched.n; i++) {
            watched.v[i].ns = 0;
        }
        struct spent s = fill(&r, GROW_WINDOW);
        verify(&r, mark);
        held = mark;
        grown(&r, mark, "client and server", unit, us(s.client + s.server, GROW_WINDOW));
        grown(&r, mark, "of it the client", unit, us(s.client, GROW_WINDOW));
        for (size_t i = 0; i < watched.n; i++) {
            if (us(watched.v[i].ns, GROW_WINDOW) >= 0.5) {
                grown(&r, mark, watched.v[i].name, unit, us(watched.v[i].ns, GROW_WINDOW));
            }
        }
        grown(&r, mark, "one connection", "events/s", (double)GROW_WINDOW * 1e9 / (double)s.wall);
        grown(&r, mark, "stored", "bytes/event", (double)(bytes_stored(&r) - empty) / (double)mark);
    }
    rig_close(&r);
}

static size_t number(const char *name, size_t usual) {
    const char *text = getenv(name);
    return text && *text ? strtoul(text, NULL, 10) : usual;
}

int main(void) {
    size_t events = number("BENCH_EVENTS", 1000000);
    size_t per_batch = number("BENCH_BATCH", 5000);
    const char *only = getenv("BENCH_DIALECT");
    if (per_batch == 0 || per_batch > BATCH_MAX || events == 0 || events % per_batch != 0) {
        bench_die("BENCH_EVENTS, BENCH_BATCH",
                  "events must be a multiple of the batch, at most 50000");
    }
    for (size_t i = 0; px_dialect_get(i); i++) {
        const struct px_dialect *d = px_dialect_get(i);
        if (only && *only && strcmp(only, d->name) != 0) {
            continue;
        }
        const char *why = sql_fixture_why_not(d);
        if (why) {
            (void)fprintf(stderr, "bench: no %s: %s\n", d->name, why);
            continue;
        }
        if (number("BENCH_GROW", 0)) {
            grow(d, events, per_batch);
        } else {
            measure(d, events, per_batch);
        }
    }
    return 0;
}
