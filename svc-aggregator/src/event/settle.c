/* The policy around agg_apply: what retry.c decides is carried out here. Every attempt works on the
 * same records, so a redo is identical. */
#include "settle.h"

#include "retry.h"

#include <px/defect.h>
#include <px/failpoint.h>
#include <px/log.h>

#include <inttypes.h>

struct settling {
    struct agg_core *c;
    const struct agg_morgue *m;
    struct px_arena *arena;
};

/* --- after a commit --------------------------------------------------------------------------- */
static void count_items(struct agg_core *c, const struct agg_slice *s, px_us now) {
    for (size_t i = 0; i < s->n; i++) {
        const struct agg_item *it = s->items[i];
        if (it->dead) {
            px_count(c->shard, AGG_M_DLQ, (size_t)it->reason, 0, 1);
            continue;
        }
        px_us age = now - it->event.received_at;
        px_count(c->shard, AGG_M_APPLIED, it->type->index, (size_t)it->disposition, 1);
        px_observe(c->shard, AGG_M_LATENCY, 0, 0, age > 0 ? age : 0, 1);
    }
}

static px_us last_received(const struct agg_slice *s, int32_t partition) {
    for (size_t i = s->n; i > 0; i--) {
        const struct agg_item *it = s->items[i - 1];
        if (it->partition == partition && !it->dead) {
            return it->event.received_at;
        }
    }
    return 0;
}

static void committed(struct agg_core *c, const struct agg_slice *s) {
    px_us now = px_wall(c->clock);
    for (size_t i = 0; i < s->nranges; i++) {
        const struct agg_range *r = &s->ranges[i];
        struct agg_part *p = agg_parts_find(&c->parts, r->partition);
        px_us last = last_received(s, r->partition);
        if (p) {
            p->next = r->hi;
            p->touched_at = now;
            p->last_record = last ? last : p->last_record;
        }
        px_count(c->shard, AGG_M_HOLES, 0, 0, (uint64_t)(r->hi - r->lo) - r->nitems);
    }
    count_items(c, s, now);
    px_count(c->shard, AGG_M_COMMITS, 0, 0, 1);
    px_gauge_us(c->shard, AGG_M_LAST_COMMIT, 0, 0, now);
}

/* --- one attempt --------------------------------------------------------------------------------
 */
static enum px_code attempt(struct agg_core *c, const struct agg_slice *s, struct px_err *reterr) {
    px_us from = px_mono(c->clock);
    agg_status_tx(c->status, from);
    enum px_code rc = agg_apply(c->apply, c->log_id, s, reterr);
    agg_status_tx(c->status, 0);
    if (rc == PX_OK) {
        PX_FAILPOINT("agg.after_commit");
        px_observe(c->shard, AGG_M_TX, 0, 0, px_mono(c->clock) - from, 1);
    }
    return rc;
}

/* The connection went away: on a new one, SQL says whether the transaction took place. */
static enum px_code read_back(struct agg_core *c, const struct agg_slice *s, bool doubtful,
                              enum agg_fate *ret, struct px_err *reterr) {
    for (unsigned n = 0;; n++) {
        struct px_err err = PX_ERR_INIT;
        enum px_code rc = agg_core_reconnect(c, reterr);
        if (rc != PX_OK) {
            return rc;
        }
        agg_status_tx(c->status, px_mono(c->clock));
        rc = agg_offsets_read_back(c->offsets, c->log_id, s, ret, &err);
        agg_status_tx(c->status, 0);
        if (rc == PX_OK) {
            break;
        }
        if (agg_retry_decide(&err, n, 0) == AGG_STOP) {
            *reterr = err;
            return rc;
        }
        agg_core_disconnect(c, &err);
        if (agg_core_pause(c, n)) {
            return PX_FAIL(reterr, PX_CANCELLED, "asked to stop before a commit was read back");
        }
    }
    if (doubtful) {
        px_count(c->shard, AGG_M_DOUBTFUL, (size_t)*ret, 0, 1);
        px_log(PX_LOG_WARN, "sql.commit_read_back",
               PX_F_C("px.found", *ret == AGG_FATE_DONE   ? "done"
                                  : *ret == AGG_FATE_REDO ? "redo"
                                                          : "fenced"));
    }
    return PX_OK;
}

/* Carry out RECONNECT; *ret_done = the slice turned out to be committed. */
static enum px_code recover(struct agg_core *c, const struct agg_slice *s, unsigned n,
                            const struct px_err *why, bool *ret_done, struct px_err *reterr) {
    agg_core_disconnect(c, why);
    if (agg_core_pause(c, n)) {
        /* still say whether it is committed: the caller gives up either way, and SQL knows */
        return PX_FAIL(reterr, PX_CANCELLED, "asked to stop during a retry");
    }
    enum agg_fate fate = AGG_FATE_REDO;
    enum px_code rc = read_back(c, s, why->code == PX_UNKNOWN_OUTCOME, &fate, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    fate = PX_DEFECT("agg.assume_lost") ? AGG_FATE_REDO : fate;
    *ret_done = fate == AGG_FATE_DONE;
    return fate == AGG_FATE_FENCED
               ? PX_FAIL(reterr, PX_FENCED, "another process owns the partitions by now")
               : PX_OK;
}

static void log_failure(const struct px_err *err, enum agg_retry what, size_t items) {
    px_log(what == AGG_STOP ? PX_LOG_ERROR : PX_LOG_WARN, "sql.transaction_failed", PX_F_ERR(err),
           PX_F_C("px.retry", agg_retry_name(what)), PX_F_INT("px.events", items),
           PX_F_C("remedy", agg_retry_remedy(what)));
}

/* Until the slice is committed or a class is reached that this loop cannot serve. */
static enum px_code persist(struct agg_core *c, const struct agg_slice *s, enum agg_retry *ret_what,
                            struct px_err *reterr) {
    unsigned again = 0;
    for (unsigned n = 0;; n++) {
        struct px_err err = PX_ERR_INIT;
        enum px_code rc = agg_core_reconnect(c, reterr);
        if (rc != PX_OK) {
            *ret_what = AGG_STOP;
            return rc;
        }
        rc = attempt(c, s, &err);
        if (rc == PX_OK) {
            committed(c, s);
            return PX_OK;
        }
        enum agg_retry what = agg_retry_decide(&err, again, s->n);
        px_count(c->shard, AGG_M_FAILURES, (size_t)what, 0, 1);
        log_failure(&err, what, s->n);
        *ret_what = what;
        if (what == AGG_AGAIN) {
            again++;
            if (agg_core_pause(c, again - 1)) {
                *ret_what = AGG_STOP;
                return PX_FAIL(reterr, PX_CANCELLED, "asked to stop during a retry");
            }
            continue;
        }
        if (what != AGG_RECONNECT) {
            *reterr = err;
            return rc;
        }
        bool done = false;
        again = 0;
        rc = recover(c, s, n, &err, &done, reterr);
        if (rc != PX_OK || done) {
            *ret_what = rc == PX_FENCED ? AGG_REJOIN : AGG_STOP;
            if (done) {
                committed(c, s);
            }
            return rc;
        }
    }
}

/* --- the refused row ----------------------------------------------------------------------------
 */
static enum px_code settle(const struct settling *x, struct agg_slice *s, unsigned depth,
                           struct px_err *reterr);

static enum px_code halve(const struct settling *x, const struct agg_slice *s, unsigned depth,
                          struct px_err *reterr) {
    struct agg_slice half[2];
    enum px_code rc = agg_slice_split(s, x->arena, half, reterr);
    for (size_t i = 0; rc == PX_OK && i < 2; i++) {
        rc = settle(x, &half[i], depth + 1, reterr);
    }
    return rc;
}

static enum px_code bury(const struct settling *x, struct agg_slice *s, const struct px_err *why,
                         struct px_err *reterr) {
    struct agg_item *it = s->items[0];
    it->reason = PX_REASON_REFUSED_BY_SQL;
    it->detail = px_arena_dup(x->arena, px_str_c(why->msg));
    enum px_code rc = x->m->put(x->m->arg, it, reterr);
    if (rc == PX_UNAVAILABLE) {
        struct agg_part *p = agg_parts_find(&x->c->parts, it->partition);
        px_assert(p);
        p->blocked = true;
        return PX_OK; /* the partition waits; the others go on */
    }
    if (rc != PX_OK) {
        return rc;
    }
    it->dead = true;
    it->dead_acked = true;
    agg_slice_measure(s); /* what is refused must not stay in the fence */
    enum agg_retry what = AGG_STOP;
    return persist(x->c, s, &what, reterr);
}

static void leave_out_blocked(const struct agg_core *c, struct agg_slice *s) {
    for (size_t i = s->nranges; i > 0; i--) {
        const struct agg_part *p = agg_parts_find(&c->parts, s->ranges[i - 1].partition);
        if (p && p->blocked) {
            agg_slice_cut(s, p->partition, s->ranges[i - 1].lo);
        }
    }
}

#define AGG_MAX_DEPTH 40 /* halvings: more than 2^16 records never meet in a batch */

static enum px_code settle(const struct settling *x, struct agg_slice *s, unsigned depth,
                           struct px_err *reterr) {
    leave_out_blocked(x->c, s);
    if (s->nranges == 0) {
        return PX_OK;
    }
    enum agg_retry what = AGG_STOP;
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = persist(x->c, s, &what, &err);
    if (rc != PX_OK && what == AGG_SPLIT && depth < AGG_MAX_DEPTH) {
        return halve(x, s, depth, reterr);
    }
    if (rc != PX_OK && what == AGG_DEAD_LETTER && !s->items[0]->dead) {
        return bury(x, s, &err, reterr);
    }
    if (rc != PX_OK) {
        *reterr = err;
    }
    return rc;
}

enum px_code agg_settle(struct agg_core *c, const struct agg_morgue *m, struct agg_slice *s,
                        struct px_arena *arena, struct px_err *reterr) {
    for (size_t i = 0; i < s->nranges; i++) {
        struct agg_range *r = &s->ranges[i];
        const struct agg_part *p = agg_parts_find(&c->parts, r->partition);
        if (!p) {
            return PX_FAIL(reterr, PX_FENCED, "partition %d was let go", r->partition);
        }
        r->epoch = p->epoch;
        r->high_watermark = p->high;
        r->looked_at = p->looked_at;
    }
    struct settling x = {.c = c, .m = m, .arena = arena};
    return settle(&x, s, 0, reterr);
}
