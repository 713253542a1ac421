/* The two things that work beside batches needs: a transaction that is tried again, and the wait
 * for whoever may not have seen the last one. */
#include "beside.h"

#include "table.h"

#define AGG_TRIES      10
#define AGG_TRY_PAUSE  (100 * PX_US_PER_MS)
#define AGG_PLACES_MAX (64 << 20)

enum px_code agg_beside_tx(const struct agg_beside *b, agg_beside_work *work, void *arg,
                           px_us *ret_took, struct px_err *reterr) {
    for (int tries = 1;; tries++) {
        enum px_outcome outcome = PX_ROLLED_BACK;
        enum px_code rc = px_tx_begin(b->sql, reterr);
        px_us from = px_mono(b->clock);
        if (rc == PX_OK) {
            rc = work(arg, reterr);
            rc = rc == PX_OK ? px_tx_commit(b->sql, &outcome, reterr) : rc;
            px_tx_rollback(b->sql);
        }
        if (rc != PX_SQL_RETRY || tries == AGG_TRIES) {
            *ret_took = px_mono(b->clock) - from;
            return rc;
        }
        if (b->pause(b->arg, AGG_TRY_PAUSE)) {
            return PX_FAIL(reterr, PX_CANCELLED, "asked to stop");
        }
    }
}

struct place {
    char log_id[128], topic[256];
    int64_t partition;
};
struct wait {
    struct px_stmt *st;
    const struct place *at;
};

static enum px_code wait_work(void *arg, struct px_err *reterr) {
    const struct wait *w = arg;
    enum px_code rc = px_bind_text(w->st, 0, px_str_c(w->at->log_id), reterr);
    rc = rc == PX_OK ? px_bind_text(w->st, 1, px_str_c(w->at->topic), reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    px_bind_i64(w->st, 2, w->at->partition);
    rc = px_stmt_run(w->st, reterr);
    while (rc == PX_OK) {
        rc = px_stmt_next(w->st, reterr);
    }
    return rc == PX_NO_ROW ? PX_OK : rc;
}

/* Every partition of every log that SQL knows. */
static enum px_code read_places(struct px_stmt *list, struct px_buf *out, struct px_err *reterr) {
    enum px_code rc = px_stmt_run(list, reterr);
    while (rc == PX_OK && (rc = px_stmt_next(list, reterr)) == PX_OK) {
        struct place p = {.partition = px_col_i64(list, 2)};
        px_assert(px_str_copy(px_col_text(list, 0), p.log_id, sizeof p.log_id));
        px_assert(px_str_copy(px_col_text(list, 1), p.topic, sizeof p.topic));
        px_buf_add(out, (const char *)&p, sizeof p);
    }
    px_stmt_end(list);
    return rc == PX_NO_ROW ? px_buf_ok(out, reterr) : rc;
}

/* A batch that is under way has moved its offsets and may have read the old floor: it holds its
 * rows of consumer_offsets. One row after the other, so that nobody waits for us while we wait. */
enum px_code agg_beside_wait(const struct agg_beside *b, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf places = PX_BUF_INIT(AGG_PLACES_MAX);
    struct px_stmt *list = NULL;
    struct place at;
    struct wait w = {.at = &at};
    px_us took = 0;
    enum px_code rc = agg_stmt(b->sql, PX_ST_FRESHNESS, &list, reterr);
    rc = rc == PX_OK ? agg_stmt(b->sql, PX_ST_OFFSETS_WAIT, &w.st, reterr) : rc;
    rc = rc == PX_OK ? read_places(list, &places, reterr) : rc;
    for (size_t i = 0; rc == PX_OK && i < places.n / sizeof at; i++) {
        memcpy(&at, places.p + i * sizeof at, sizeof at);
        rc = agg_beside_tx(b, wait_work, &w, &took, reterr);
    }
    px_stmt_free(list);
    px_stmt_free(w.st);
    return rc;
}
