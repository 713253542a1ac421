/* Taking partitions: the transaction of an assignment. It issues the epochs, so that whoever owned
 * the partitions before is refused from then on, and it is where a foreign log, a rewind and a gap
 * are found, before a single event is read. */
#include "offsets_priv.h"

#include <px/mem.h>

#include <inttypes.h>

struct taking {
    struct agg_offsets *o;
    const char *log_id;
    const struct agg_wanted *w;
    size_t n;
    px_us now;
    bool record_gaps;
    struct agg_part *parts;
};

static struct agg_part *part_of(const struct taking *t, int64_t partition) {
    for (size_t i = 0; i < t->n; i++) {
        if (t->parts[i].partition == partition) {
            return &t->parts[i];
        }
    }
    return NULL;
}

/* Rows of other logs only: offsets of this topic were counted in another log, and none in this one.
 */
static enum px_code check_log(const struct taking *t, struct px_err *reterr) {
    struct agg_offsets *o = t->o;
    enum px_code rc = agg_offsets_bind_log(o, o->load, t->log_id, reterr);
    if (rc == PX_OK) {
        rc = px_stmt_run(o->load, reterr);
    }
    if (rc == PX_OK) {
        rc = px_stmt_next(o->load, reterr);
        px_stmt_end(o->load);
    }
    if (rc != PX_NO_ROW || o->conf.start_new_log) {
        return rc == PX_NO_ROW ? PX_OK : rc;
    }
    rc = px_bind_text(o->others, 0, px_str_c(o->conf.topic), reterr);
    rc = rc == PX_OK ? px_bind_text(o->others, 1, px_str_c(t->log_id), reterr) : rc;
    rc = rc == PX_OK ? px_stmt_run(o->others, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_next(o->others, reterr) : rc;
    if (rc == PX_OK) {
        struct px_str other = px_col_text(o->others, 0);
        rc = PX_FAIL(reterr, PX_NEW_LOG,
                     "the database remembers offsets of log %.*s, the broker has log %s: check "
                     "Kafka:BootstrapServers, or set Kafka:OnNewLog=start",
                     PX_S_ARG(other), t->log_id);
    }
    px_stmt_end(o->others);
    return rc == PX_NO_ROW ? PX_OK : rc;
}

static enum px_code seed(const struct taking *t, struct agg_table *table, struct px_err *reterr) {
    px_rows_reset(table->rows);
    for (size_t i = 0; i < t->n; i++) {
        px_rows_text(table->rows, px_str_c(t->log_id));
        px_rows_text(table->rows, px_str_c(t->o->conf.topic));
        px_rows_i64(table->rows, t->w[i].partition);
        px_rows_i64(table->rows, t->w[i].low);
        px_rows_i64(table->rows, t->w[i].looked_at);
    }
    return agg_table_store(table, reterr);
}

static enum px_code issue_epochs(const struct taking *t, struct px_err *reterr) {
    struct agg_table *table = &t->o->take;
    px_rows_reset(table->rows);
    for (size_t i = 0; i < t->n; i++) {
        px_rows_text(table->rows, px_str_c(t->log_id));
        px_rows_text(table->rows, px_str_c(t->o->conf.topic));
        px_rows_i64(table->rows, t->w[i].partition);
        px_rows_text(table->rows, px_str_c(t->o->conf.owner));
    }
    enum px_code rc = agg_table_run(table, reterr);
    size_t taken = 0;
    while (rc == PX_OK && (rc = px_stmt_next(table->st, reterr)) == PX_OK) {
        struct agg_part *p = part_of(t, px_col_i64(table->st, 0));
        if (p) {
            p->next = px_col_i64(table->st, 1);
            p->epoch = px_col_i64(table->st, 2);
            taken++;
        }
    }
    if (rc == PX_NO_ROW && taken != t->n) {
        return PX_FAIL(reterr, PX_INTERNAL, "%zu of %zu partitions could not be taken",
                       t->n - taken, t->n);
    }
    return rc == PX_NO_ROW ? PX_OK : rc;
}

/* Offsets that an operator set back are read again, those set forward were skipped: the ledger says
 * so, else its identity would break. ${ledger_next} is where the ledger believes the partition to
 * be. */
static struct agg_ledger_extra moved_by_hand(const struct agg_part *p, int64_t ledger_next) {
    struct agg_ledger_extra x = {0};
    if (p->next < ledger_next) {
        x.rewound = ledger_next - p->next;
    } else {
        x.gap = p->next - ledger_next;
    }
    return x;
}

static enum px_code reconcile(const struct taking *t, struct px_err *reterr) {
    struct agg_offsets *o = t->o;
    px_rows_reset(o->ledger.rows);
    enum px_code rc = agg_offsets_bind_log(o, o->ledger_load, t->log_id, reterr);
    if (rc == PX_OK) {
        rc = px_stmt_run(o->ledger_load, reterr);
    }
    while (rc == PX_OK && (rc = px_stmt_next(o->ledger_load, reterr)) == PX_OK) {
        const struct agg_part *p = part_of(t, px_col_i64(o->ledger_load, 0));
        int64_t ledger_next = px_col_i64(o->ledger_load, 2);
        if (p && p->next != ledger_next) {
            struct agg_ledger_row row = {.partition = p->partition,
                                         .advance = p->next - ledger_next};
            agg_ledger_cells(o->ledger.rows, t->log_id, o->conf.topic, &row,
                             moved_by_hand(p, ledger_next));
        }
    }
    if (rc != PX_NO_ROW) {
        return rc;
    }
    return agg_table_store(&o->ledger, reterr);
}

static enum px_code gap_refused(const struct taking *t, const struct agg_part *p,
                                const struct agg_wanted *w, struct px_err *reterr) {
    if (p->next > w->high) {
        return PX_FAIL(reterr, PX_GAP,
                       "partition %d of log %s ends at offset %" PRId64
                       ", but SQL has it folded in "
                       "up to %" PRId64 ": the topic was cut back or made anew; --accept-gap or "
                       "Kafka:OnGap=record reads all that it holds, and counts only what is new",
                       p->partition, t->log_id, w->high, p->next);
    }
    return PX_FAIL(reterr, PX_GAP,
                   "partition %d of log %s lost offsets [%" PRId64 ",%" PRId64 ") before they were "
                   "read; --accept-gap or Kafka:OnGap=record goes on behind them",
                   p->partition, t->log_id, p->next, w->low);
}

static enum px_code note_gap(const struct taking *t, const struct agg_part *p,
                             struct px_err *reterr) {
    struct px_stmt *st = t->o->gap_add;
    enum px_code rc = agg_offsets_bind_log(t->o, st, t->log_id, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    px_bind_i64(st, 2, p->partition);
    px_bind_i64(st, 3, p->gap_from);
    px_bind_i64(st, 4, p->gap_to);
    px_bind_i64(st, 5, t->now);
    rc = px_stmt_run(st, reterr);
    px_stmt_end(st);
    return rc;
}

/* Both ways it goes on at the first offset that the log holds. A log that is shorter than SQL
 * remembers may be another one by now: nobody can tell which of its records were applied, so all
 * are read, and the claims tell. */
static void gap_cells(const struct taking *t, struct agg_part *p, const struct agg_wanted *w) {
    struct agg_offsets *o = t->o;
    int64_t to = w->low;
    p->gap_from = p->next;
    p->gap_to = to;
    struct agg_ledger_row row = {.partition = p->partition, .advance = to - p->next};
    struct agg_ledger_extra x = {.gap = to > p->next ? to - p->next : 0,
                                 .rewound = to < p->next ? p->next - to : 0};
    agg_ledger_cells(o->ledger.rows, t->log_id, o->conf.topic, &row, x);
    struct px_rows *r = o->fence.rows;
    px_rows_text(r, px_str_c(t->log_id));
    px_rows_text(r, px_str_c(o->conf.topic));
    px_rows_i64(r, p->partition);
    px_rows_i64(r, p->next);
    px_rows_i64(r, to);
    px_rows_i64(r, p->epoch);
    px_rows_i64(r, w->high);
    px_rows_i64(r, w->looked_at);
    px_rows_null(r);
    p->next = to;
}

/* The log no longer holds the next offset: halt, or record what is missing and go on behind it. */
static enum px_code close_gaps(const struct taking *t, struct px_err *reterr) {
    struct agg_offsets *o = t->o;
    px_rows_reset(o->fence.rows);
    px_rows_reset(o->ledger.rows);
    for (size_t i = 0; i < t->n; i++) {
        struct agg_part *p = &t->parts[i];
        if (p->next >= t->w[i].low && p->next <= t->w[i].high) {
            continue;
        }
        if (!t->record_gaps) {
            return gap_refused(t, p, &t->w[i], reterr);
        }
        gap_cells(t, p, &t->w[i]);
        enum px_code rc = note_gap(t, p, reterr);
        if (rc != PX_OK) {
            return rc;
        }
    }
    enum px_code rc = agg_table_store(&o->fence, reterr);
    return rc == PX_OK ? agg_table_store(&o->ledger, reterr) : rc;
}

static enum px_code steps(const struct taking *t, struct px_err *reterr) {
    enum px_code rc = check_log(t, reterr);
    rc = rc == PX_OK ? seed(t, &t->o->seed, reterr) : rc;
    rc = rc == PX_OK ? seed(t, &t->o->ledger_seed, reterr) : rc;
    rc = rc == PX_OK ? issue_epochs(t, reterr) : rc;
    rc = rc == PX_OK ? reconcile(t, reterr) : rc;
    return rc == PX_OK ? close_gaps(t, reterr) : rc;
}

static struct agg_part taken(const struct agg_wanted *w, px_us now) {
    return (struct agg_part){.partition = w->partition,
                             .high = w->high,
                             .looked_at = w->looked_at,
                             .touched_at = now,
                             .once_until = w->high};
}

enum px_code agg_offsets_take(struct agg_offsets *o, const struct agg_take *take,
                              struct agg_part *ret_parts, struct px_err *reterr) {
    for (size_t i = 0; i < take->n; i++) {
        ret_parts[i] = taken(&take->w[i], take->now);
    }
    if (take->n == 0) {
        return PX_OK;
    }
    struct taking t = {.o = o,
                       .log_id = take->log_id,
                       .w = take->w,
                       .n = take->n,
                       .now = take->now,
                       .record_gaps = take->record_gaps,
                       .parts = ret_parts};
    enum px_code rc = px_tx_begin(o->sql, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    rc = steps(&t, reterr);
    if (rc != PX_OK) {
        px_tx_rollback(o->sql);
        return rc;
    }
    enum px_outcome outcome = PX_ROLLED_BACK;
    return px_tx_commit(o->sql, &outcome, reterr);
}
