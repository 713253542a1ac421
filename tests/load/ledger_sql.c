/* What SQL says about offsets, logs and gaps, and its raw rows, page by page in one snapshot. Reads
 * only; the texts here are this program's own. */
#include "ledger_sql.h"
#include "ledger_report.h"

#include <px/dialect.h>
#include <px/mem.h>
#include <px/num.h>

#include <stdio.h>

enum px_code lg_ask(struct px_sql *db, const char *text, struct px_stmt **ret,
                    struct px_err *reterr) {
    enum px_code rc = px_sql_prepare(db, px_str_c(text), ret, reterr);
    return rc == PX_OK ? px_stmt_run(*ret, reterr) : rc;
}

void lg_stmt_free(struct px_stmt **st) {
    px_stmt_free(*st);
}

static bool password_of(const char *path, struct px_buf *out) {
    char text[1024];
    FILE *f = fopen(path, "re");
    if (!f) {
        return false;
    }
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    n -= n > 0 && text[n - 1] == '\n' ? 1 : 0;
    px_buf_add(out, text, n);
    return true;
}

enum px_code lg_sql_open(struct ledger *l, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf word = PX_BUF_INIT(1024);
    struct px_sql_conf conf = {.connection = l->conf.sql,
                               .statement_timeout = 10 * PX_US_PER_MIN,
                               .lock_timeout = 30 * PX_US_PER_S,
                               .zone = "UTC"};
    while (px_dialect_get((size_t)conf.dialect) &&
           strcmp(px_dialect_get((size_t)conf.dialect)->name, l->conf.dialect) != 0) {
        conf.dialect++;
    }
    if (!px_dialect_get((size_t)conf.dialect)) {
        return PX_FAIL(reterr, PX_USAGE, "--sql-dialect %s: no such dialect", l->conf.dialect);
    }
    if (l->conf.password_file && !password_of(l->conf.password_file, &word)) {
        return px_err_errno(reterr, PX_USAGE, PX_HERE, l->conf.password_file);
    }
    conf.password = px_buf_cstr(&word);
    return px_sql_open(&conf, PX_SQL_READ, &l->db, reterr);
}

/* --- offsets ---------------------------------------------------------------------------------- */

static struct lg_other *other_of(struct ledger *l, int32_t partition) {
    l->others.size = sizeof(struct lg_other);
    struct lg_other *o = lg_vec_add(&l->others);
    o->partition = partition;
    return o;
}

static struct lg_part *part_of(struct ledger *l, int64_t partition) {
    return partition >= 0 && (size_t)partition < l->nparts ? &l->parts[partition] : NULL;
}

static enum px_code read_offsets(struct ledger *l, struct px_err *reterr) {
    PX_DEFER(lg_stmt_free) struct px_stmt *st = NULL;
    enum px_code rc = px_sql_prepare(
        l->db,
        PX_S("SELECT log_id, partition_id, next_offset FROM consumer_offsets WHERE topic = ?"), &st,
        reterr);
    rc = rc == PX_OK ? px_bind_text(st, 0, px_str_c(l->conf.topic), reterr) : rc;
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    for (size_t p = 0; p < l->nparts; p++) {
        l->parts[p].has_offset = false;
    }
    while (rc == PX_OK && (rc = px_stmt_next(st, reterr)) == PX_OK) {
        struct lg_part *p = part_of(l, px_col_i64(st, 1));
        if (!px_str_is(px_col_text(st, 0), l->log_id)) {
            continue;
        }
        if (!p) {
            lg_violation(l, LG_OFFSET_AHEAD, (struct lg_about){0},
                         "SQL has an offset of partition %lld, which the topic does not have",
                         (long long)px_col_i64(st, 1));
            continue;
        }
        p->has_offset = true;
        p->next = px_col_i64(st, 2);
    }
    return rc == PX_NO_ROW ? PX_OK : rc;
}

static void ledger_row(struct ledger *l, const struct px_stmt *st) {
    struct lg_part *p = part_of(l, px_col_i64(st, 1));
    if (px_str_is(px_col_text(st, 0), l->log_id) &&
        px_str_is(px_col_text(st, 4 + LG_COLUMNS), l->conf.topic)) {
        if (p) {
            p->has_ledger = true;
            p->first = px_col_i64(st, 2);
            p->ledger_next = px_col_i64(st, 3);
            for (unsigned i = 0; i < LG_COLUMNS; i++) {
                p->column[i] = px_col_i64(st, 4 + i);
            }
        }
        return;
    }
    struct lg_other *o = other_of(l, (int32_t)px_col_i64(st, 1));
    o->first = px_col_i64(st, 2);
    o->next = px_col_i64(st, 3);
    for (unsigned i = LG_COL_COUNTED; i <= LG_COL_ERASED; i++) {
        o->events += px_col_i64(st, 4 + i);
    }
    o->rewound = px_col_i64(st, 4 + LG_COL_REWOUND);
}

/* Of all logs and topics: the rows of events are of all of them. */
static enum px_code read_ledger(struct ledger *l, struct px_err *reterr) {
    PX_DEFER(lg_stmt_free) struct px_stmt *st = NULL;
    enum px_code rc = lg_ask(
        l->db,
        "SELECT log_id, partition_id, first_offset, next_offset, rewound, counted, repeated, "
        "duplicate, conflict, excluded, late, erased, dead_lettered, hole, gap, topic "
        "FROM partition_ledger",
        &st, reterr);
    while (rc == PX_OK && (rc = px_stmt_next(st, reterr)) == PX_OK) {
        ledger_row(l, st);
    }
    return rc == PX_NO_ROW ? PX_OK : rc;
}

/* A gap forward was given up; one backward means that the topic was cut back or made anew. */
static enum px_code read_gaps(struct ledger *l, struct px_err *reterr) {
    PX_DEFER(lg_stmt_free) struct px_stmt *st = NULL;
    enum px_code rc = px_sql_prepare(l->db,
                                     PX_S("SELECT log_id, partition_id, from_offset, to_offset "
                                          "FROM ingest_gaps WHERE topic = ?"),
                                     &st, reterr);
    rc = rc == PX_OK ? px_bind_text(st, 0, px_str_c(l->conf.topic), reterr) : rc;
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    l->gaps.size = l->cuts.size = sizeof(struct lg_range);
    while (rc == PX_OK && (rc = px_stmt_next(st, reterr)) == PX_OK) {
        struct lg_range r = {.partition = (int32_t)px_col_i64(st, 1),
                             .from = px_col_i64(st, 2),
                             .to = px_col_i64(st, 3)};
        if (px_str_is(px_col_text(st, 0), l->log_id)) {
            *(struct lg_range *)lg_vec_add(r.to > r.from ? &l->gaps : &l->cuts) = r;
        }
    }
    return rc == PX_NO_ROW ? PX_OK : rc;
}

static enum px_code read_zone(struct ledger *l, struct px_err *reterr) {
    PX_DEFER(lg_stmt_free) struct px_stmt *st = NULL;
    char name[128] = "UTC";
    enum px_code rc =
        lg_ask(l->db, "SELECT value FROM px_settings WHERE name = 'day_zone'", &st, reterr);
    rc = rc == PX_OK ? px_stmt_next(st, reterr) : rc;
    if (rc == PX_OK && !px_str_copy(px_col_text(st, 0), name, sizeof name)) {
        rc = PX_FAIL(reterr, PX_INVALID, "the day zone of the database is no name");
    }
    if (rc != PX_OK && rc != PX_NO_ROW) {
        return rc;
    }
    px_zone_free(l->zone);
    l->zone = NULL;
    return px_zone_load(name, &l->zone, reterr);
}

static px_day *mark_of(struct ledger *l, struct px_str name) {
    return px_str_is(name, "claims_from")         ? &l->kept.claims_from
           : px_str_is(name, "raw_complete_from") ? &l->kept.raw_from
                                                  : NULL;
}

/* From which days on nothing was taken. */
static enum px_code read_kept(struct ledger *l, struct px_err *reterr) {
    PX_DEFER(lg_stmt_free) struct px_stmt *st = NULL;
    l->kept = (struct lg_kept){.unseen = false};
    enum px_code rc = lg_ask(l->db, "SELECT name, value FROM px_settings", &st, reterr);
    while (rc == PX_OK && (rc = px_stmt_next(st, reterr)) == PX_OK) {
        px_day *to = mark_of(l, px_col_text(st, 0));
        if (to && !px_parse_date(px_col_text(st, 1), to)) {
            return PX_FAIL(reterr, PX_INVALID, "px_settings: %.*s is no day",
                           PX_S_ARG(px_col_text(st, 0)));
        }
    }
    return rc == PX_NO_ROW ? PX_OK : rc;
}

enum px_code lg_sql_progress(struct ledger *l, struct px_err *reterr) {
    enum px_code rc = px_tx_begin(l->db, reterr);
    rc = rc == PX_OK ? read_offsets(l, reterr) : rc;
    px_tx_rollback(l->db);
    return rc;
}

/* Rows of other logs only: almost surely the wrong log was named. */
static enum px_code known_log(const struct ledger *l, struct px_err *reterr) {
    for (size_t p = 0; p < l->nparts; p++) {
        if (l->parts[p].has_offset || l->parts[p].has_ledger) {
            return PX_OK;
        }
    }
    if (l->others.n == 0) {
        return PX_OK;
    }
    return PX_FAIL(reterr, PX_USAGE,
                   "SQL knows nothing of topic %s in log %s, only of others: --topic and --log-id "
                   "name what consumer_offsets holds (the dev broker issues its own log_id)",
                   l->conf.topic, l->log_id);
}

/* For this transaction only: it may be silent while a million events are decided. And a table that
 * was just filled has no statistics: PostgreSQL then likes to sort it for every page. */
static enum px_code settle_in(struct ledger *l, struct px_err *reterr) {
    if (strcmp(px_sql_dialect(l->db)->name, "postgresql") != 0) {
        return PX_OK;
    }
    return px_sql_exec(l->db,
                       PX_S("SET LOCAL idle_in_transaction_session_timeout = '1h'; "
                            "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; "
                            "SET LOCAL enable_bitmapscan = off"),
                       reterr);
}

enum px_code lg_sql_offsets(struct ledger *l, struct px_err *reterr) {
    enum px_code rc = settle_in(l, reterr);
    rc = rc == PX_OK ? read_offsets(l, reterr) : rc;
    rc = rc == PX_OK ? read_ledger(l, reterr) : rc;
    rc = rc == PX_OK ? read_gaps(l, reterr) : rc;
    rc = rc == PX_OK ? read_zone(l, reterr) : rc;
    rc = rc == PX_OK ? read_kept(l, reterr) : rc;
    return rc == PX_OK ? known_log(l, reterr) : rc;
}
