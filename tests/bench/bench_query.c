/* The metrics API on a seeded database, one question at a time over HTTP, beside the main statement
 * of the same question run bare through px_sql on a connection of the same kind. 400 days, three
 * types, 50 banners. What the API adds: HTTP, a snapshot, the freshness of every answer, for trends
 * the period before, JSON. */
#include "bench.h"
#include "load.h"
#include "sql_fixture.h"
#include "stack.h"

#include <px/clock.h>
#include <px/num.h>
#include <px/statements.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAYS    400
#define BANNERS 50
#define SPAN    INT64_C(500000000)

static const char *const type_names[] = {"visit", "registration", "deposit"};

/* --- seeding ------------------------------------------------------------------------------------
 */
struct seed {
    const struct px_table_stmt *def;
    struct px_rows *rows;
    struct px_stmt *st;
};

static void must(enum px_code rc, const struct px_err *e) {
    if (rc != PX_OK) {
        bench_die(px_code_name(rc), e->msg);
    }
}

static void seed_open(struct seed *s, struct sql_fixture *f, const struct px_table_stmt *def) {
    s->def = def;
    must(px_rows_new(f->dialect, def->types, def->ncolumns, (size_t)16 << 20, &s->rows), NULL);
    s->st = sql_prepare_set(f->s, f->dialect->append, def);
}

static void seed_flush(struct seed *s) {
    struct px_err e = PX_ERR_INIT;
    must(px_rows_bind(s->rows, s->st, 0, &e), &e);
    must(px_stmt_run(s->st, &e), &e);
    px_stmt_end(s->st);
    px_rows_reset(s->rows);
}

static void seed_close(struct seed *s) {
    seed_flush(s);
    px_stmt_free(s->st);
    px_rows_free(s->rows);
}

static const char *const summary_columns[] = {"event_date", "event_type", "banner_tag", "count"};
static const enum px_column summary_types[] = {PX_COL_DATE, PX_COL_TEXT, PX_COL_TEXT, PX_COL_INT};
static const struct px_table_stmt summary = {.table = "event_summary",
                                             .columns = summary_columns,
                                             .types = summary_types,
                                             .ncolumns = 4,
                                             .nkeys = 3};
static const char *const daily_columns[] = {"event_date", "event_type", "count"};
static const enum px_column daily_types[] = {PX_COL_DATE, PX_COL_TEXT, PX_COL_INT};
static const struct px_table_stmt daily = {.table = "daily_metrics",
                                           .columns = daily_columns,
                                           .types = daily_types,
                                           .ncolumns = 3,
                                           .nkeys = 2};
static const char *const offset_columns[] = {"log_id",      "topic",          "partition_id",
                                             "next_offset", "epoch",          "owner",
                                             "revision",    "high_watermark", "looked_at"};
static const enum px_column offset_types[] = {PX_COL_TEXT, PX_COL_TEXT, PX_COL_INT,
                                              PX_COL_INT,  PX_COL_INT,  PX_COL_TEXT,
                                              PX_COL_INT,  PX_COL_INT,  PX_COL_TIME};
static const struct px_table_stmt offsets = {.table = "consumer_offsets",
                                             .columns = offset_columns,
                                             .types = offset_types,
                                             .ncolumns = 9,
                                             .nkeys = 3};

static void seed_day(struct seed *s, struct seed *d, px_day day) {
    for (size_t t = 0; t < PX_ARRAY_LEN(type_names); t++) {
        int64_t total = 0;
        for (int b = 0; b < BANNERS; b++) {
            char banner[16];
            int n = snprintf(banner, sizeof banner, "banner-%02d", b);
            int64_t count = (100 + day % 7 + b) >> (3 * t);
            px_rows_i64(s->rows, day);
            px_rows_text(s->rows, px_str_c(type_names[t]));
            px_rows_text(s->rows, (struct px_str){.p = banner, .n = (size_t)n});
            px_rows_i64(s->rows, count);
            total += count;
        }
        px_rows_i64(d->rows, day);
        px_rows_text(d->rows, px_str_c(type_names[t]));
        px_rows_i64(d->rows, total);
    }
}

static void seed_offsets(struct sql_fixture *f) {
    struct seed o;
    seed_open(&o, f, &offsets);
    for (int p = 0; p < 10; p++) {
        px_rows_text(o.rows, PX_S("bench"));
        px_rows_text(o.rows, PX_S(STACK_TOPIC));
        px_rows_i64(o.rows, p);
        px_rows_i64(o.rows, 1000);
        px_rows_i64(o.rows, 1);
        px_rows_text(o.rows, PX_S("bench"));
        px_rows_i64(o.rows, 1);
        px_rows_i64(o.rows, 1000);
        px_rows_i64(o.rows, px_wall(&px_clock_system));
    }
    seed_close(&o);
}

static void seed(struct sql_fixture *f, px_day last) {
    struct seed s;
    struct seed d;
    seed_open(&s, f, &summary);
    seed_open(&d, f, &daily);
    for (px_day day = last - DAYS + 1; day <= last; day++) {
        seed_day(&s, &d, day);
        if (day % 32 == 0) {
            seed_flush(&s);
        }
    }
    seed_close(&s);
    seed_close(&d);
    seed_offsets(f);
    sql_do(f->s, "ANALYZE");
}

/* --- the questions ------------------------------------------------------------------------------
 */
struct question {
    const char *name, *path; /* path: ends before the range */
    enum px_statement st;
    const char *more; /* third parameter of the statement; NULL = none */
};
static const struct question questions[] = {
    {"conversion-rates", "/api/metrics/conversion-rates", PX_ST_DAILY, NULL},
    {"campaigns/{bannerTag}", "/api/metrics/campaigns/banner-07", PX_ST_DAILY_OF_BANNER,
     "banner-07"},
    {"trends/{eventType}", "/api/metrics/trends/visit", PX_ST_DAILY_OF_TYPE, "visit"},
};

struct range {
    char from[PX_TIME_TEXT], to[PX_TIME_TEXT];
    int days;
};

struct bare {
    struct px_sql *sql;
    struct px_stmt *st;
    pid_t server;
};

static size_t ask_bare(struct bare *b, const struct question *q, const struct range *r) {
    struct px_err e = PX_ERR_INIT;
    size_t rows = 0;
    must(px_bind_text(b->st, 0, px_str_c(r->from), &e), &e);
    must(px_bind_text(b->st, 1, px_str_c(r->to), &e), &e);
    if (q->more) {
        must(px_bind_text(b->st, 2, px_str_c(q->more), &e), &e);
    }
    must(px_stmt_run(b->st, &e), &e);
    while (px_stmt_next(b->st, &e) == PX_OK) {
        int64_t count = px_col_i64(b->st, 2);
        bench_use(&count);
        rows++;
    }
    return rows;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

struct cost {
    struct bench_runs p50, cpu; /* us */
};

static void run_bare(struct bare *b, const struct question *q, const struct range *r,
                     struct cost *c) {
    static double us[1 << 17];
    size_t n = 0;
    int64_t end = bench_wall() + SPAN;
    int64_t cpu = bench_cpu_thread();
    while (bench_wall() < end && n < PX_ARRAY_LEN(us)) {
        int64_t from = bench_wall();
        if (ask_bare(b, q, r) == 0) {
            bench_die(q->name, "no rows");
        }
        us[n++] = (double)(bench_wall() - from) / 1000;
    }
    cpu = bench_cpu_thread() - cpu;
    qsort(us, n, sizeof us[0], by_value);
    bench_add(&c->p50, us[n / 2]);
    bench_add(&c->cpu, (double)cpu / 1000 / (double)n);
}

static void run_api(const struct stack *s, const struct question *q, const struct range *r,
                    struct cost *c) {
    char text[512];
    int n = snprintf(text, sizeof text,
                     "GET %s?startDate=%s&endDate=%s&limit=1000 HTTP/1.1\r\n"
                     "Host: 127.0.0.1\r\nAccept: application/json\r\n\r\n",
                     q->path, r->from, r->to);
    struct px_str request = {.p = text, .n = (size_t)n};
    const struct load_conf conf = {
        .port = s->api_port, .connections = 1, .ns = SPAN, .requests = &request, .nrequests = 1};
    struct load_result got;
    int64_t cpu = bench_cpu_of(s->api.pid);
    load_run(&conf, &got);
    cpu = bench_cpu_of(s->api.pid) - cpu;
    if (got.other || !got.ok) {
        bench_die(q->name, "an answer was not 200");
    }
    bench_add(&c->p50, got.p50);
    bench_add(&c->cpu, (double)cpu / 1000 / (double)got.ok);
}

/* --- measuring ----------------------------------------------------------------------------------
 */
static void report(const char *dialect, const struct question *q, const struct range *r,
                   const struct cost *api, const struct cost *bare) {
    char bench[48];
    char name[96];
    (void)snprintf(bench, sizeof bench, "query %s", dialect);
    (void)snprintf(name, sizeof name, "%s, %d days: p50", q->name, r->days);
    bench_print(&(struct bench_figure){.bench = bench,
                                       .name = name,
                                       .unit = "us",
                                       .runs = &api->p50,
                                       .reference_name = "bare statement",
                                       .reference = &bare->p50});
    (void)snprintf(name, sizeof name, "%s, %d days: client CPU", q->name, r->days);
    bench_print(&(struct bench_figure){.bench = bench,
                                       .name = name,
                                       .unit = "us CPU/request",
                                       .runs = &api->cpu,
                                       .reference_name = "bare statement",
                                       .reference = &bare->cpu});
}

static void measure(const struct stack *s, struct sql_fixture *f, const struct question *q,
                    const struct range *r) {
    struct px_err e = PX_ERR_INIT;
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(65536);
    struct bare b = {.sql = sql_fixture_connect(f, PX_SQL_READ)};
    struct cost api = {.p50 = {.n = 0}};
    struct cost bare = {.p50 = {.n = 0}};
    px_statement_render(q->st, f->dialect, &text);
    must(px_sql_prepare(b.sql, px_buf_view(&text), &b.st, &e), &e);
    for (size_t i = 0; i < bench_reps(3); i++) {
        run_bare(&b, q, r, &bare);
        run_api(s, q, r, &api);
    }
    report(f->dialect->name, q, r, &api, &bare);
    px_sql_close(b.sql);
}

static void measure_dialect(const struct px_dialect *d) {
    static struct sql_fixture f;
    struct stack s = {.broker = {.pid = 0}};
    px_day today = px_day_of(px_wall(&px_clock_system));
    sql_fixture_open(&f, d);
    seed(&f, today);
    const struct stack_sql q = {
        .dialect = d->name, .connection = f.conf.connection, .password = f.conf.password};
    stack_api(&s, &q);
    const int days[] = {30, DAYS};
    for (size_t k = 0; k < PX_ARRAY_LEN(days); k++) {
        struct range r = {.days = days[k]};
        (void)px_fmt_date(today - days[k] + 1, r.from);
        (void)px_fmt_date(today, r.to);
        for (size_t i = 0; i < PX_ARRAY_LEN(questions); i++) {
            measure(&s, &f, &questions[i], &r);
        }
    }
    stack_stop(&s);
    sql_fixture_close(&f);
}

int main(void) {
    for (size_t i = 0; px_dialect_get(i); i++) {
        const char *why = sql_fixture_why_not(px_dialect_get(i));
        if (why) {
            (void)fprintf(stderr, "bench: no %s: %s\n", px_dialect_get(i)->name, why);
            continue;
        }
        measure_dialect(px_dialect_get(i));
    }
    return 0;
}
