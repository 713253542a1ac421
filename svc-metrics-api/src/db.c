/* Reads inside one snapshot. The numbers of a request and what is said about their freshness come
 * from the same instant of the database. */
#include "db.h"

#define SQL_TEXT_MAX 8192

void api_db_init(struct api_db *db, const struct px_sql_conf *conf,
                 const struct px_catalog *catalog) {
    *db = (struct api_db){.conf = conf, .catalog = catalog};
}

void api_db_fini(struct api_db *db) {
    if (db->sql) {
        px_sql_close(db->sql); /* frees its statements too */
    }
    db->sql = NULL;
    for (size_t i = 0; i < PX_ARRAY_LEN(db->stmt); i++) {
        db->stmt[i] = NULL;
    }
}

enum px_code api_db_begin(struct api_db *db, struct px_err *reterr) {
    if (db->sql && !px_sql_alive(db->sql)) {
        api_db_fini(db);
    }
    if (!db->sql) {
        enum px_code code = px_sql_open(db->conf, PX_SQL_READ, &db->sql, reterr);

        if (code) {
            db->sql = NULL;
            return code;
        }
    }
    enum px_code code = px_tx_begin(db->sql, reterr);
    if (code) {
        api_db_fini(db);
    }
    return code;
}

void api_db_end(struct api_db *db, enum px_code outcome) {
    if (!db->sql) {
        return;
    }
    px_tx_rollback(db->sql); /* nothing was written: ending the snapshot is all there is to do */
    if (outcome == PX_SQL_LOST || !px_sql_alive(db->sql)) {
        api_db_fini(db);
    }
}

/* The statement, prepared on first use and kept. */
static enum px_code prepared(struct api_db *db, enum px_statement st, struct px_stmt **ret,
                             struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(SQL_TEXT_MAX);

    if (!db->stmt[st]) {
        px_statement_render(st, px_sql_dialect(db->sql), &text);
        enum px_code code = px_buf_ok(&text, reterr);
        code = code ? code : px_sql_prepare(db->sql, px_buf_view(&text), &db->stmt[st], reterr);
        if (code) {
            db->stmt[st] = NULL;
            return code;
        }
    }
    *ret = db->stmt[st];
    return PX_OK;
}

enum px_code api_db_ping(struct api_db *db, struct px_err *reterr) {
    struct px_stmt *st;
    enum px_code code = prepared(db, PX_ST_PING, &st, reterr);

    code = code ? code : px_stmt_run(st, reterr);
    if (!code) {
        code = px_stmt_next(st, reterr);
        px_stmt_end(st);
    }
    return code;
}

enum px_code api_db_try_write(struct api_db *db, struct px_err *reterr) {
    struct px_stmt *st;
    enum px_code code = prepared(db, PX_ST_SETTING_ADD, &st, reterr);

    code = code ? code : px_bind_text(st, 0, PX_S("probe"), reterr);
    code = code ? code : px_bind_text(st, 1, PX_S("probe"), reterr);
    code = code ? code : px_stmt_run(st, reterr);
    if (!code) {
        px_stmt_end(st);
    }
    return code;
}

/* The zone that cut the stored days must be the one that this service cuts ranges with. */
static enum px_code check_zone(struct api_db *db, struct px_err *reterr) {
    struct px_stmt *st;
    enum px_code code = prepared(db, PX_ST_SETTING_GET, &st, reterr);

    code = code ? code : px_bind_text(st, 0, PX_S("day_zone"), reterr);
    code = code ? code : px_stmt_run(st, reterr);
    if (code) {
        return code;
    }
    code = px_stmt_next(st, reterr);
    if (!code && !px_str_is(px_col_text(st, 0), db->conf->zone)) {
        code = PX_FAIL(reterr, PX_CONFIG,
                       "the database cuts its days in zone %.*s, not %s: set "
                       "Sql:DayZone",
                       PX_S_ARG(px_col_text(st, 0)), db->conf->zone);
    }
    px_stmt_end(st);
    return code == PX_NO_ROW ? PX_OK : code;
}

/* One log of one topic: how far it is folded in. A topic may have rows of former logs (a broker
 * that was set up anew); the one that was looked at last is the one that counts. */
struct log_progress {
    bool any;
    px_us looked_at, watermark;
    uint64_t id; /* hash of topic and log id */
};

static void keep_latest(struct log_progress *best, const struct log_progress *log) {
    if (log->any && (!best->any || log->looked_at > best->looked_at)) {
        *best = *log;
    }
}

static void add_partition(const struct px_stmt *st, struct log_progress *log) {
    px_us looked_at = px_col_i64(st, 5);
    bool caught_up = px_col_i64(st, 3) >= px_col_i64(st, 4);
    /* caught up: all that the log held when it was looked at is in; behind: up to the newest event
     * that is */
    px_us mark = caught_up ? looked_at : px_col_null(st, 6) ? 0 : px_col_i64(st, 6);

    mark = mark < looked_at ? mark : looked_at;
    log->watermark = log->any && log->watermark < mark ? log->watermark : mark;
    log->looked_at = log->any && log->looked_at > looked_at ? log->looked_at : looked_at;
    log->any = true;
}

static enum px_code read_partitions(struct px_stmt *st, struct api_freshness *f,
                                    struct px_err *reterr) {
    struct log_progress best = {.any = false};
    struct log_progress log = {.any = false};
    enum px_code code;

    while (!(code = px_stmt_next(st, reterr))) {
        uint64_t id = px_siphash(px_siphash(1, 2, px_col_text(st, 1)), 3, px_col_text(st, 0));

        if (!log.any || id != log.id) {
            keep_latest(&best, &log);
            log = (struct log_progress){.any = false, .id = id};
        }
        add_partition(st, &log);
        f->revision += px_col_i64(st, 7);
    }
    keep_latest(&best, &log);
    f->known = best.any;
    f->watermark = best.watermark;
    return code == PX_NO_ROW ? PX_OK : code;
}

enum px_code api_db_freshness(struct api_db *db, px_us now, struct api_freshness *ret,
                              struct px_err *reterr) {
    struct api_freshness f = {.as_of = now};
    struct px_stmt *st;
    enum px_code code = check_zone(db, reterr);

    code = code ? code : prepared(db, PX_ST_FRESHNESS, &st, reterr);
    code = code ? code : px_stmt_run(st, reterr);
    if (code) {
        return code;
    }
    code = read_partitions(st, &f, reterr);
    px_stmt_end(st);
    if (!code) {
        *ret = f;
    }
    return code;
}

/* --- tables ----------------------------------------------------------------------------------- */

/* ${binds}: a letter per parameter: day, instant or number, text. */
static enum px_code ask_nothing(struct api_db *db, enum px_statement which, const char *binds,
                                struct px_err *reterr) {
    struct px_stmt *st;
    enum px_code code = prepared(db, which, &st, reterr);

    for (unsigned i = 0; !code && binds[i]; i++) {
        if (binds[i] == 'i') {
            px_bind_i64(st, i, 1);
        } else {
            code = px_bind_text(st, i, binds[i] == 'd' ? PX_S("1970-01-01") : PX_S("-"), reterr);
        }
    }
    code = code ? code : px_stmt_run(st, reterr);
    if (!code) {
        px_stmt_end(st);
    }
    return code;
}

enum px_code api_db_tables(struct api_db *db, struct px_err *reterr) {
    static const struct {
        enum px_statement which;
        const char *binds;
    } rows[] = {{PX_ST_DAILY, "dd"},
                {PX_ST_DAILY_OF_BANNER, "ddt"},
                {PX_ST_SERIES, "iiii"},
                {PX_ST_TRAFFIC, "dddddd"},
                {PX_ST_ROLLUP, "tii"}};
    enum px_code code = PX_OK;

    for (size_t i = 0; !code && i < PX_ARRAY_LEN(rows); i++) {
        code = ask_nothing(db, rows[i].which, rows[i].binds, reterr);
    }
    return code;
}

/* --- counts ----------------------------------------------------------------------------------- */

/* The first and the last day, ${times} times. */
static enum px_code bind_days(struct px_stmt *st, const struct api_range *r, unsigned times,
                              char text[2][PX_TIME_TEXT], struct px_err *reterr) {
    const struct px_str days[2] = {{.p = text[0], .n = px_fmt_date(r->first, text[0])},
                                   {.p = text[1], .n = px_fmt_date(r->last, text[1])}};
    enum px_code code = PX_OK;

    for (unsigned i = 0; !code && i < 2 * times; i++) {
        code = px_bind_text(st, i, days[i % 2], reterr);
    }
    return code;
}

static void bind_instants(struct px_stmt *st, const struct api_range *r) {
    px_bind_i64(st, 0, api_grain_span(r->grain));
    px_bind_i64(st, 1, api_grain_span(r->grain));
    px_bind_i64(st, 2, r->from);
    px_bind_i64(st, 3, r->to);
}

static size_t bucket_of(const struct px_stmt *st, const struct api_range *r) {
    px_day day;

    if (r->grain != API_GRAIN_DAY) {
        return (size_t)((px_col_i64(st, 0) - r->from) / api_grain_span(r->grain));
    }
    return px_parse_date(px_col_text(st, 0), &day) && day >= r->first ? (size_t)(day - r->first)
                                                                      : SIZE_MAX;
}

static enum px_code read_counts(struct api_db *db, struct px_stmt *st, struct api_counts *c,
                                struct px_err *reterr) {
    enum px_code code;

    while (!(code = px_stmt_next(st, reterr))) {
        const struct px_event_type *type = px_catalog_find(db->catalog, px_col_text(st, 1));

        if (type) { /* a type that left the catalog has no column in any answer */
            api_counts_add(c, bucket_of(st, c->range), type->index, px_col_i64(st, 2));
        }
    }
    return code == PX_NO_ROW ? PX_OK : code;
}

/* ${which}: of everything, of one banner, of one type. */
static enum px_code run_counts(struct api_db *db, const enum px_statement which[3],
                               const struct api_filter *filter, const struct api_range *range,
                               struct px_stmt **ret, struct px_err *reterr) {
    bool day = range->grain == API_GRAIN_DAY;
    size_t by = filter->banner.p ? 1 : filter->type.p ? 2 : 0;
    struct px_str name = by == 1 ? filter->banner : filter->type;
    char days[2][PX_TIME_TEXT];
    enum px_code code = prepared(db, which[by], ret, reterr);

    if (!code && day) {
        code = bind_days(*ret, range, 1, days, reterr);
    } else if (!code) {
        bind_instants(*ret, range);
    }
    if (!code && by) {
        code = px_bind_text(*ret, day ? 2 : 4, name, reterr);
    }
    return code ? code : px_stmt_run(*ret, reterr);
}

enum px_code api_db_counts(struct api_db *db, const struct api_filter *filter,
                           struct api_counts *counts, struct px_err *reterr) {
    static const enum px_statement which[2][3] = {
        {PX_ST_SERIES, PX_ST_SERIES_OF_BANNER, PX_ST_SERIES_OF_TYPE},
        {PX_ST_DAILY, PX_ST_DAILY_OF_BANNER, PX_ST_DAILY_OF_TYPE}};
    struct px_stmt *st;
    enum px_code code = run_counts(db, which[counts->range->grain == API_GRAIN_DAY], filter,
                                   counts->range, &st, reterr);

    if (!code) {
        code = read_counts(db, st, counts, reterr);
        px_stmt_end(st);
    }
    return code;
}

/* --- classes of traffic ------------------------------------------------------------------------
 */

static void leave_out(struct api_left_out *lo, struct px_str class, int64_t n) {
    size_t i = 0;

    while (i < lo->n && !px_str_is(class, lo->v[i].word)) {
        i++;
    }
    if (i == lo->n) {
        bool room = i < API_CLASSES - 1 && px_str_copy(class, lo->v[i].word, PX_TRAFFIC_MAX + 1);
        i = room ? lo->n++ : API_CLASSES - 1;
    }
    lo->v[i].n += n;
}

/* Never more than is there: retention may have come to one table before the other. */
static int64_t take_out(struct api_counts *c, size_t bucket, size_t type, int64_t n) {
    int64_t there = bucket < c->range->buckets ? api_counts_at(c, bucket, type) : 0;

    n = n < there ? n : there;
    api_counts_add(c, bucket, type, -n);
    return n;
}

static bool is_shown(const struct api_left_out *lo, size_t type) {
    return lo && (!lo->shown || lo->shown[type]);
}

/* What is left and of no class that says it is a person's: rows that say so, and what programs
 * counted that wrote no classes. */
static int64_t unclassified(const struct api_counts *c, const struct api_left_out *lo,
                            int64_t persons) {
    int64_t n = -persons;

    for (size_t t = 0; t < c->ntypes; t++) {
        n += is_shown(lo, t) ? c->total[t] : 0;
    }
    return n > 0 ? n : 0;
}

/* day, event_type, class, count */
static enum px_code read_classes(struct api_db *db, struct px_stmt *st, struct api_counts *c,
                                 struct api_left_out *lo, struct px_err *reterr) {
    enum px_code code;
    int64_t persons = 0;

    while (!(code = px_stmt_next(st, reterr))) {
        const struct px_event_type *type = px_catalog_find(db->catalog, px_col_text(st, 1));
        struct px_str class = px_col_text(st, 2);
        int64_t n = px_col_i64(st, 3);
        bool shown = type && is_shown(lo, type->index);

        if (type && !px_traffic_is_person(class)) {
            n = take_out(c, bucket_of(st, c->range), type->index, n);
            if (shown && n > 0) {
                leave_out(lo, class, n);
            }
        } else if (shown && !px_str_is(class, PX_TRAFFIC_NONE)) {
            persons += n;
        }
    }
    if (lo) {
        lo->unclassified = unclassified(c, lo, persons);
    }
    return code == PX_NO_ROW ? PX_OK : code;
}

enum px_code api_db_leave_out(struct api_db *db, const struct api_filter *filter,
                              struct api_counts *counts, struct api_left_out *left_out,
                              struct px_err *reterr) {
    static const enum px_statement which[3] = {PX_ST_CLASSES, PX_ST_CLASSES_OF_BANNER,
                                               PX_ST_CLASSES_OF_TYPE};
    struct px_stmt *st;

    px_assert(counts->range->grain == API_GRAIN_DAY);
    enum px_code code = run_counts(db, which, filter, counts->range, &st, reterr);
    if (!code) {
        code = read_classes(db, st, counts, left_out, reterr);
        px_stmt_end(st);
    }
    return code;
}

static enum px_code read_traffic(struct px_stmt *st, struct px_arena *arena, struct api_traffic *t,
                                 struct px_err *reterr) {
    enum px_code code;

    while (!(code = px_stmt_next(st, reterr))) {
        if (t->n == API_ROLLUP_ROWS) {
            return PX_FAIL(reterr, PX_TOO_LARGE, "more than %d rows", API_ROLLUP_ROWS);
        }
        struct api_traffic_row *row = &t->v[t->n++];
        row->class = px_arena_dup(arena, px_col_text(st, 0));
        row->reason = px_arena_dup(arena, px_col_text(st, 1));
        row->n = px_col_i64(st, 2);
        if (!row->class.p || !row->reason.p) {
            return PX_FAIL(reterr, PX_NOMEM, "no memory for the rows");
        }
    }
    return code == PX_NO_ROW ? PX_OK : code;
}

enum px_code api_db_traffic(struct api_db *db, const struct api_range *range,
                            struct px_arena *arena, struct api_traffic *ret,
                            struct px_err *reterr) {
    char days[2][PX_TIME_TEXT];
    struct api_traffic t = {.v = px_arena_zalloc(arena, API_ROLLUP_ROWS, sizeof(*t.v))};
    struct px_stmt *st;

    if (!t.v) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the rows");
    }
    enum px_code code = prepared(db, PX_ST_TRAFFIC, &st, reterr);
    code = code ? code : bind_days(st, range, 3, days, reterr);
    code = code ? code : px_stmt_run(st, reterr);
    if (!code) {
        code = read_traffic(st, arena, &t, reterr);
        px_stmt_end(st);
    }
    if (!code) {
        *ret = t;
    }
    return code;
}

/* --- generic rollups ----------------------------------------------------------------------------
 */

static enum px_code read_rollup(struct px_stmt *st, struct px_arena *arena,
                                struct api_rollup_row *rows, size_t *ret_n, struct px_err *reterr) {
    size_t n = 0;
    enum px_code code;

    while (!(code = px_stmt_next(st, reterr))) {
        if (n == API_ROLLUP_ROWS) {
            return PX_FAIL(reterr, PX_TOO_LARGE, "more than %d rows", API_ROLLUP_ROWS);
        }
        struct api_rollup_row *row = &rows[n++];

        row->bucket = px_col_i64(st, 0);
        for (unsigned d = 0; d < PX_ARRAY_LEN(row->dim); d++) {
            row->dim[d] = px_arena_dup(arena, px_col_text(st, 1 + d));
            if (!row->dim[d].p) {
                return PX_FAIL(reterr, PX_NOMEM, "no memory for the rows");
            }
        }
        row->value = px_col_i64(st, 4);
    }
    *ret_n = n;
    return code == PX_NO_ROW ? PX_OK : code;
}

enum px_code api_db_rollup(struct api_db *db, const struct api_rollup_query *q,
                           struct api_rollup_row **ret_rows, size_t *ret_n, struct px_err *reterr) {
    struct api_rollup_row *rows = px_arena_zalloc(q->arena, API_ROLLUP_ROWS, sizeof(*rows));
    struct px_stmt *st;
    enum px_code code = prepared(db, PX_ST_ROLLUP, &st, reterr);

    if (!code && !rows) {
        code = PX_FAIL(reterr, PX_NOMEM, "no memory for the rows");
    }
    code = code ? code : px_bind_text(st, 0, q->name, reterr);
    if (!code) {
        px_bind_i64(st, 1, q->range->from);
        px_bind_i64(st, 2, q->range->to);
        code = px_stmt_run(st, reterr);
    }
    if (code) {
        return code;
    }
    code = read_rollup(st, q->arena, rows, ret_n, reterr);
    px_stmt_end(st);
    if (!code) {
        *ret_rows = rows;
    }
    return code;
}
