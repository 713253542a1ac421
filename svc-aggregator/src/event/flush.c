/* A due batch on its way to SQL: dead letters first, then the transaction, then Kafka's group
 * offsets; and the once-a-second look at what stands still. */
#include "consume_priv.h"

#include "settle.h"

#include <px/defect.h>
#include <px/failpoint.h>
#include <px/log.h>

#define AGG_TICK PX_US_PER_S

/* --- dead letters
 * --------------------------------------------------------------------------------- */
static enum px_code put_one(void *arg, struct agg_item *it, struct px_err *reterr) {
    struct agg_reader *r = arg;
    return agg_poison_put(r->poison, &it, 1, reterr);
}

static void pause_blocked(struct agg_reader *r, int32_t partition) {
    struct px_err err = PX_ERR_INIT;
    if (px_consumer_pause(r->consumer, partition, true, &err) != PX_OK) {
        /* its records are dropped as they come; the pause only saves the reading */
        px_log(PX_LOG_WARN, "consumer.pause_failed", PX_F_INT("px.partition", partition),
               PX_F_ERR(&err));
    }
    px_log(PX_LOG_ERROR, "dlq.unavailable", PX_F_INT("px.partition", partition),
           PX_F_C("px.dlq", r->dlq),
           PX_F_C("remedy",
                  "the partition waits and goes on by itself; create the dead-letter topic "
                  "or allow writing to it"));
}

/* Store what is dead; a partition whose letter is not stored is cut before it and waits. */
static enum px_code put_dead(struct agg_reader *r, struct agg_slice *s, struct px_err *reterr) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->items[i]->dead) {
            r->dead[n++] = s->items[i];
        }
    }
    if (n == 0 || PX_DEFECT("agg.no_letter")) {
        return PX_OK;
    }
    enum px_code rc = agg_poison_put(r->poison, r->dead, n, reterr);
    if (rc != PX_UNAVAILABLE) {
        return rc;
    }
    for (size_t i = 0; i < n; i++) {
        struct agg_part *p = agg_parts_find(&r->core->parts, r->dead[i]->partition);
        if (!r->dead[i]->dead_acked && p && !p->blocked) {
            p->blocked = true;
            agg_slice_cut(s, p->partition, r->dead[i]->offset);
            pause_blocked(r, p->partition);
        }
    }
    return PX_OK;
}

/* --- the batch
 * ------------------------------------------------------------------------------------ */
static void look_at_ends(struct agg_reader *r) {
    struct agg_parts *parts = &r->core->parts;
    px_us now = px_wall(r->core->clock);
    for (size_t i = 0; i < parts->n; i++) {
        px_us age = 0;
        if (px_consumer_end(r->consumer, parts->v[i].partition, &parts->v[i].high, &age)) {
            parts->v[i].looked_at = now - age;
        }
    }
}

static void group_offsets(struct agg_reader *r, const struct agg_slice *s) {
    struct px_assigned v[AGG_MAX_RANGES];
    PX_FAILPOINT("agg.before_group_commit");
    size_t n = 0;
    for (size_t i = 0; i < s->nranges; i++) {
        const struct agg_part *p = agg_parts_find(&r->core->parts, s->ranges[i].partition);
        if (p) {
            v[n++] = (struct px_assigned){.partition = p->partition, .start = p->next};
        }
    }
    px_consumer_commit(r->consumer, v, n);
}

static enum px_code settle_slice(struct agg_reader *r, struct agg_slice *s, struct px_err *reterr) {
    struct agg_morgue morgue = {.put = put_one, .arg = r};
    size_t before = agg_poison_blocked(r->poison);
    enum px_code rc = agg_settle(r->core, &morgue, s, &r->batch.arena, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    if (agg_poison_blocked(r->poison) > before) {
        for (size_t i = 0; i < r->core->parts.n; i++) {
            if (r->core->parts.v[i].blocked) {
                pause_blocked(r, r->core->parts.v[i].partition);
            }
        }
    }
    px_observe(r->core->shard, AGG_M_BATCH, 0, 0, px_mono(r->core->clock) - r->batch.opened, 1);
    group_offsets(r, s);
    return PX_OK;
}

enum px_code agg_reader_flush(struct agg_reader *r, struct px_err *reterr) {
    if (agg_batch_empty(&r->batch)) {
        return PX_OK;
    }
    struct agg_slice s = agg_batch_seal(&r->batch);
    enum px_code rc = put_dead(r, &s, reterr);
    if (rc == PX_OK && s.nranges > 0) {
        look_at_ends(r);
        rc = settle_slice(r, &s, reterr);
    }
    agg_batch_reset(&r->batch);
    return rc;
}

/* --- standing still
 * --------------------------------------------------------------------------------- */
static enum px_code touch_idle(struct agg_reader *r, struct px_err *reterr) {
    struct agg_parts *parts = &r->core->parts;
    const struct agg_part *idle[AGG_MAX_RANGES];
    size_t n = 0;
    for (size_t i = 0; i < parts->n; i++) {
        struct agg_part *p = &parts->v[i];
        if (p->looked_at - p->touched_at >= AGG_TICK / 2) {
            p->touched_at = p->looked_at;
            idle[n++] = p;
        }
    }
    return n ? agg_core_touch(r->core, idle, n, reterr) : PX_OK;
}

static void gauges(const struct agg_reader *r) {
    const struct agg_core *c = r->core;
    px_us now = px_wall(c->clock), oldest = 0;
    int64_t lag = 0;
    size_t paused = 0;
    for (size_t i = 0; i < c->parts.n; i++) {
        const struct agg_part *p = &c->parts.v[i];
        int64_t behind = p->high > p->next ? p->high - p->next : 0;
        px_us age = behind && p->last_record && now > p->last_record ? now - p->last_record : 0;
        lag += behind;
        oldest = age > oldest ? age : oldest;
        paused += p->blocked || p->awaits ? 1 : 0;
    }
    px_gauge(c->shard, AGG_M_LAG, 0, 0, lag);
    px_gauge_us(c->shard, AGG_M_LAG_SECONDS, 0, 0, oldest);
    px_gauge(c->shard, AGG_M_OWNED, 0, 0, (int64_t)c->parts.n);
    px_gauge(c->shard, AGG_M_PAUSED, 0, 0, (int64_t)paused);
    agg_status_kafka(c->status, r->assigned && !px_consumer_brokers_down(r->consumer), c->parts.n,
                     paused);
}

/* The database is away: nothing is read or committed, but the log grows and so does the lag. */
void agg_reader_waiting(void *arg) {
    struct agg_reader *r = arg;
    if (r->consumer) {
        look_at_ends(r);
        gauges(r);
    }
}

/* --once: every partition stands at the end that its log had when it was assigned. Who has none, or
 * none any more, has not come to any end. */
static bool drained(const struct agg_reader *r) {
    if (!r->once || r->core->parts.n == 0 || !agg_batch_empty(&r->batch)) {
        return false;
    }
    for (size_t i = 0; i < r->core->parts.n; i++) {
        if (r->core->parts.v[i].next < r->core->parts.v[i].once_until) {
            return false;
        }
    }
    return true;
}

/* Partitions that wait for a schema: read them again as soon as it is known. */
static enum px_code look_at_schemas(const struct agg_reader *r, struct px_err *reterr) {
    for (size_t i = 0; i < r->core->parts.n; i++) {
        const struct agg_part *p = &r->core->parts.v[i];
        if (p->awaits && r->once) {
            return PX_FAIL(reterr, PX_UNAVAILABLE,
                           "partition %d: the registry cannot be asked for schema %u", p->partition,
                           p->schema);
        }
        if (p->awaits && agg_schemas_settled(r->schemas, p->schema)) {
            return PX_FAIL(reterr, PX_BUSY, "schema %u is known now", p->schema);
        }
    }
    return PX_OK;
}

enum px_code agg_reader_tick(struct agg_reader *r, bool *ret_done, struct px_err *reterr) {
    px_us mono = px_mono(r->core->clock);
    agg_status_beat(r->core->status, mono);
    *ret_done = drained(r);
    if (mono - r->ticked < AGG_TICK) {
        return PX_OK;
    }
    r->ticked = mono;
    look_at_ends(r);
    gauges(r);
    if (agg_poison_blocked(r->poison) > 0) {
        if (r->once) {
            return PX_FAIL(reterr, PX_UNAVAILABLE, "dead letters cannot be stored in %s", r->dlq);
        }
        if (agg_poison_retry(r->poison)) {
            return PX_FAIL(reterr, PX_BUSY, "the dead-letter topic %s is back", r->dlq);
        }
    }
    enum px_code rc = look_at_schemas(r, reterr);
    return rc == PX_OK ? touch_idle(r, reterr) : rc;
}
