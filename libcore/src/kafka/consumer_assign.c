/* Partitions come and go: start offsets are asked from the owner (who reads them from SQL),
 * compared with the ends of the log, and given in the assign list. A start outside the log is a gap
 * and ends the consumer: this file must never let the library choose another offset. */
#include "consumer_internal.h"
#include <px/clock.h>
#include <time.h>

/* Brokers that do not answer must not hold up a rebalance; the fetch notices a bad offset as well.
 */
#define PX_ASSIGN_ASK (5 * PX_US_PER_S)
/* They are asked one after the other: this much more for each partition. */
#define PX_ASSIGN_EACH (50 * PX_US_PER_MS)
/* A new leader may know an older end of the log than its predecessor for a moment. */
#define PX_ASSIGN_GRACE (3 * PX_US_PER_S)

static px_us px_assign_now(void) {
    return px_mono(&px_clock_system);
}

static bool px_assign_ask(struct px_consumer *c, int32_t partition, px_us wait, int64_t *ret_low,
                          int64_t *ret_high) {
    int64_t low = -1, high = -1;
    if (wait <= 0 ||
        rd_kafka_query_watermark_offsets(c->rk, c->conf.topic, partition, &low, &high,
                                         px_kafka_ms(wait)) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return false;
    }
    *ret_low = low;
    *ret_high = high;
    return true;
}

static void px_assign_ends(struct px_consumer *c, struct px_assigned *v, size_t n) {
    px_us deadline = px_assign_now() + PX_ASSIGN_ASK + (px_us)n * PX_ASSIGN_EACH;
    for (size_t i = 0; i < n; i++) {
        v[i].low = v[i].high = -1;
        v[i].asked = px_assign_now();
        px_assign_ask(c, v[i].partition, deadline - px_assign_now(), &v[i].low, &v[i].high);
    }
}

/* Ask again while ${offset} lies behind the end of the log, up to the grace. */
static bool px_assign_settle(struct px_consumer *c, int32_t partition, int64_t offset, int64_t *low,
                             int64_t *high) {
    px_us deadline = px_assign_now() + PX_ASSIGN_GRACE;
    bool known = *low >= 0;
    const struct timespec pause = {.tv_sec = 0, .tv_nsec = 100000000};
    while ((!known || offset > *high) && px_assign_now() < deadline) {
        known = px_assign_ask(c, partition, deadline - px_assign_now(), low, high) || known;
        if (!known || offset > *high) {
            nanosleep(&pause, NULL);
        }
    }
    return known;
}

static enum px_code px_assign_outside(const struct px_consumer *c, int32_t partition,
                                      int64_t offset, int64_t low, int64_t high,
                                      struct px_err *reterr) {
    return PX_FAIL(
        reterr, PX_GAP, "%s partition %d: offset %lld is outside the log [%lld, %lld): %s",
        c->conf.topic, (int)partition, (long long)offset, (long long)low, (long long)high,
        offset < low ? "retention took the events before it was read"
                     : "the log was truncated or made anew");
}

static enum px_code px_assign_check(struct px_consumer *c, struct px_assigned *a,
                                    struct px_err *reterr) {
    if (a->start == PX_OFFSET_BEGINNING || a->low < 0) {
        return PX_OK; /* with no broker to ask, the first fetch tells */
    }
    if (a->start > a->high) {
        PX_IGNORE(!px_assign_settle(c, a->partition, a->start, &a->low, &a->high));
    }
    if (a->start < a->low || a->start > a->high) {
        return px_assign_outside(c, a->partition, a->start, a->low, a->high, reterr);
    }
    return PX_OK;
}

void px_consumer_gap(struct px_consumer *c, int32_t partition, int64_t offset) {
    int64_t low = -1, high = -1;
    if (offset >= 0 && px_assign_settle(c, partition, offset, &low, &high) &&
        (offset < low || offset > high)) {
        px_assign_outside(c, partition, offset, low, high, &c->failure);
        return;
    }
    PX_FAIL(&c->failure, PX_DEAD,
            "%s partition %d: offset %lld could not be read, the log is [%lld, %lld)",
            c->conf.topic, (int)partition, (long long)offset, (long long)low, (long long)high);
}

static void px_assign_free(struct px_assigned **v) {
    px_free(*v);
}

static enum px_code px_assign_starts(struct px_consumer *c, rd_kafka_topic_partition_list_t *parts,
                                     struct px_err *reterr) {
    size_t n = (size_t)parts->cnt;
    PX_DEFER(px_assign_free) struct px_assigned *v = px_calloc2(n, sizeof *v);
    c->held = px_calloc2(n, sizeof *c->held);
    if (!v || !c->held) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %zu assigned partitions", n);
    }
    for (size_t i = 0; i < n; i++) {
        v[i].partition = parts->elems[i].partition;
        v[i].start = PX_OFFSET_BEGINNING;
    }
    px_assign_ends(c, v, n);
    enum px_code rc = c->conf.assigned(c->conf.arg, v, n, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    c->nheld = n;
    for (size_t i = 0; i < n; i++) {
        c->held[i] = v[i].partition;
        parts->elems[i].offset = v[i].start;
        rc = rc == PX_OK ? px_assign_check(c, &v[i], reterr) : rc;
    }
    return rc == PX_OK ? px_ends_hold(&c->ends, c->held, n, reterr) : rc;
}

static void px_assign_take(struct px_consumer *c, rd_kafka_topic_partition_list_t *parts) {
    c->missing_since = 0;
    if (parts->cnt > 0) {
        struct px_err err = PX_ERR_INIT;
        enum px_code rc = px_assign_starts(c, parts, &err);
        if (rc != PX_OK) {
            err.code = rc; /* whatever the callback put there */
            c->failure = err;
            rd_kafka_assign(c->rk, NULL);
            return;
        }
    }
    rd_kafka_resp_err_t e = rd_kafka_assign(c->rk, parts);
    if (e) {
        PX_KAFKA_FAIL(&c->failure, e, c->conf.topic);
    }
}

void px_consumer_let_go(struct px_consumer *c, bool lost) {
    if (c->nheld) {
        c->conf.revoked(c->conf.arg, c->held, c->nheld, lost);
    }
    px_free(c->held);
    c->held = NULL;
    c->nheld = 0;
    if (c->ends.running) {
        PX_IGNORE(px_ends_hold(&c->ends, NULL, 0, NULL)); /* needs no memory */
    }
}

static void px_assign_drop(struct px_consumer *c) {
    px_consumer_let_go(c, rd_kafka_assignment_lost(c->rk) != 0);
    rd_kafka_assign(c->rk, NULL);
}

void px_consumer_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                           rd_kafka_topic_partition_list_t *parts, void *opaque) {
    struct px_consumer *c = opaque;
    if (c->closed) {
        return;
    }
    switch (err) {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
        px_assign_take(c, parts);
        break;
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
        px_assign_drop(c);
        break;
    default: /* a failed rebalance: hold nothing, the next one follows */
        px_assign_drop(c);
        break;
    }
    (void)rk;
}
