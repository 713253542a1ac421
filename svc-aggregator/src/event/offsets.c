/* Progress rows: load, read back, touch. Taking partitions is in take.c. Used before and after the
 * transaction of apply.c, never inside it. */
#include "offsets_priv.h"

#include <px/mem.h>

static enum px_code init(struct agg_offsets *o, struct px_err *reterr) {
    const struct px_dialect *d = o->conf.dialect;
    const size_t cap = 4 << 20;
    const struct {
        struct agg_table *t;
        const struct px_table_stmt *def;
    } tables[] = {{&o->seed, px_statement_rows(PX_ST_OFFSETS_SEED)},
                  {&o->ledger_seed, px_statement_rows(PX_ST_LEDGER_SEED)},
                  {&o->take, px_statement_rows(PX_ST_OFFSETS_TAKE)},
                  {&o->touch, px_statement_rows(PX_ST_OFFSETS_TOUCH)},
                  {&o->fence, px_fence_rows()},
                  {&o->ledger, &agg_ledger_table}};
    enum px_code rc = PX_OK;
    for (size_t i = 0; rc == PX_OK && i < PX_ARRAY_LEN(tables); i++) {
        rc = agg_table_init(tables[i].t, d, tables[i].def, cap, reterr);
    }
    o->ledger.render = d->upsert;
    return rc;
}

enum px_code agg_offsets_new(const struct agg_offsets_conf *conf, struct agg_offsets **ret,
                             struct px_err *reterr) {
    struct agg_offsets *o = px_alloc(sizeof *o);
    if (!o) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the offsets");
    }
    o->conf = *conf;
    enum px_code rc = init(o, reterr);
    if (rc != PX_OK) {
        agg_offsets_free(o);
        return rc;
    }
    *ret = o;
    return PX_OK;
}

void agg_offsets_free(struct agg_offsets *o) {
    if (!o) {
        return;
    }
    agg_table_fini(&o->seed);
    agg_table_fini(&o->ledger_seed);
    agg_table_fini(&o->take);
    agg_table_fini(&o->touch);
    agg_table_fini(&o->fence);
    agg_table_fini(&o->ledger);
    px_free(o);
}

enum px_code agg_offsets_attach(struct agg_offsets *o, struct px_sql *s, struct px_err *reterr) {
    const struct {
        enum px_statement which;
        struct px_stmt **st;
    } plain[] = {{PX_ST_OFFSETS_LOAD, &o->load},    {PX_ST_LOGS_OTHER, &o->others},
                 {PX_ST_GAP_ADD, &o->gap_add},      {PX_ST_LEDGER_LOAD, &o->ledger_load},
                 {PX_ST_OFFSETS_SEED, &o->seed.st}, {PX_ST_LEDGER_SEED, &o->ledger_seed.st},
                 {PX_ST_OFFSETS_TAKE, &o->take.st}, {PX_ST_OFFSETS_TOUCH, &o->touch.st}};
    enum px_code rc = agg_table_prepare_fence(&o->fence, s, reterr);
    if (rc == PX_OK) {
        rc = agg_table_prepare(&o->ledger, s, reterr);
    }
    for (size_t i = 0; rc == PX_OK && i < PX_ARRAY_LEN(plain); i++) {
        rc = agg_stmt(s, plain[i].which, plain[i].st, reterr);
    }
    if (rc == PX_OK) {
        o->sql = s;
    } else {
        agg_offsets_detach(o);
    }
    return rc;
}

void agg_offsets_detach(struct agg_offsets *o) {
    agg_table_forget(&o->seed);
    agg_table_forget(&o->ledger_seed);
    agg_table_forget(&o->take);
    agg_table_forget(&o->touch);
    agg_table_forget(&o->fence);
    agg_table_forget(&o->ledger);
    o->load = o->others = o->gap_add = o->ledger_load = NULL;
    o->sql = NULL;
}

enum px_code agg_offsets_bind_log(const struct agg_offsets *o, struct px_stmt *st,
                                  const char *log_id, struct px_err *reterr) {
    enum px_code rc = px_bind_text(st, 0, px_str_c(log_id), reterr);
    return rc == PX_OK ? px_bind_text(st, 1, px_str_c(o->conf.topic), reterr) : rc;
}

static const struct agg_range *range_of(const struct agg_slice *s, int64_t partition) {
    for (size_t i = 0; i < s->nranges; i++) {
        if (s->ranges[i].partition == partition) {
            return &s->ranges[i];
        }
    }
    return NULL;
}

/* All ranges moved in one transaction: all stand at their end, or all at their start. Anything else
 * is the work of another owner. */
enum px_code agg_offsets_read_back(struct agg_offsets *o, const char *log_id,
                                   const struct agg_slice *slice, enum agg_fate *ret,
                                   struct px_err *reterr) {
    enum px_code rc = agg_offsets_bind_log(o, o->load, log_id, reterr);
    if (rc == PX_OK) {
        rc = px_stmt_run(o->load, reterr);
    }
    if (rc != PX_OK) {
        return rc;
    }
    size_t at_hi = 0, at_lo = 0;
    while ((rc = px_stmt_next(o->load, reterr)) == PX_OK) {
        const struct agg_range *r = range_of(slice, px_col_i64(o->load, 0));
        int64_t next = px_col_i64(o->load, 1);
        bool mine = r && px_col_i64(o->load, 2) == r->epoch;
        at_hi += r && next == r->hi;
        at_lo += mine && next == r->lo;
    }
    if (rc != PX_NO_ROW) {
        return rc;
    }
    *ret = at_hi == slice->nranges   ? AGG_FATE_DONE
           : at_lo == slice->nranges ? AGG_FATE_REDO
                                     : AGG_FATE_FENCED;
    return PX_OK;
}

enum px_code agg_offsets_touch(struct agg_offsets *o, const char *log_id,
                               const struct agg_part *const *v, size_t n, struct px_err *reterr) {
    struct px_rows *r = o->touch.rows;
    px_rows_reset(r);
    for (size_t i = 0; i < n; i++) {
        px_rows_text(r, px_str_c(log_id));
        px_rows_text(r, px_str_c(o->conf.topic));
        px_rows_i64(r, v[i]->partition);
        px_rows_i64(r, v[i]->epoch);
        px_rows_i64(r, v[i]->high > v[i]->next ? v[i]->high : v[i]->next);
        px_rows_i64(r, v[i]->looked_at);
    }
    enum px_code rc = agg_table_run(&o->touch, reterr);
    if (rc != PX_OK || n == 0) {
        return rc;
    }
    size_t touched = 0;
    while ((rc = px_stmt_next(o->touch.st, reterr)) == PX_OK) {
        touched++;
    }
    if (rc != PX_NO_ROW) {
        return rc;
    }
    if (touched != n) {
        return PX_FAIL(reterr, PX_FENCED, "%zu of %zu idle partitions have another owner",
                       n - touched, n);
    }
    return PX_OK;
}
