/* Reading: assign and revoke, poll, decode, cut the batch. Offsets come from SQL (core.c) and go
 * back there (settle.c); Kafka's group offsets are written afterwards, for dashboards only. */
#include "consume_priv.h"

#include <px/avro.h>
#include <px/defect.h>
#include <px/failpoint.h>
#include <px/log.h>
#include <px/mem.h>

#include <stdlib.h>

#define AGG_POLL_MAX     (100 * PX_US_PER_MS) /* so that a stop is noticed soon          */
#define AGG_CLUSTER_WAIT (5 * PX_US_PER_S)
#define AGG_RIVAL_WAIT   (5 * PX_US_PER_S) /* a heartbeat is due after three seconds at most */
#define AGG_GAP_LOOKS    3 /* a new leader may know an older end of its log for a moment */

enum px_code agg_reader_init(struct agg_reader *r, struct px_err *reterr) {
    const struct agg_conf *conf = r->core->conf;
    struct agg_batch_limits limits = {.max_events = (size_t)conf->batch_events,
                                      .max_bytes = (size_t)conf->batch_bytes,
                                      .max_delay = conf->batch_delay};
    r->core->waiting = agg_reader_waiting;
    r->core->waiting_arg = r;
    r->decoder = (struct agg_decoder){
        .catalog = r->core->catalog, .zone = r->core->zone, .schemas = r->schemas};
    r->dead = px_calloc2(limits.max_events, sizeof(struct agg_item *));
    if (!r->dead) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a batch");
    }
    return agg_batch_init(&r->batch, &limits, reterr);
}

void agg_reader_fini(struct agg_reader *r) {
    agg_reader_leave(r);
    agg_batch_fini(&r->batch);
    px_free(r->dead);
    r->dead = NULL;
}

/* --- partitions come and go ---------------------------------------------------------------------
 */
static int by_wanted(const void *x, const void *y) {
    const struct agg_wanted *a = x;
    const struct agg_wanted *b = y;
    return (a->partition > b->partition) - (a->partition < b->partition);
}

static enum px_code learn_log_id(struct agg_reader *r, struct px_err *reterr) {
    struct agg_core *c = r->core;
    if (c->conf->log_id[0]) {
        snprintf(c->log_id, sizeof c->log_id, "%s", c->conf->log_id);
        return PX_OK;
    }
    char id[64] = "";
    enum px_code rc = px_consumer_cluster_id(r->consumer, AGG_CLUSTER_WAIT, id, reterr);
    if (rc == PX_OK) {
        snprintf(c->log_id, sizeof c->log_id, "%s", id);
    }
    return rc;
}

/* Wall-clock time of an instant of the monotonic clock. */
static px_us wall_of(const struct agg_reader *r, px_us mono) {
    return px_wall(r->core->clock) - (px_mono(r->core->clock) - mono);
}

static enum px_code look_again(struct agg_reader *r, struct agg_wanted *w, size_t n,
                               struct px_err *reterr) {
    if (agg_status_sleep(r->core->status, PX_US_PER_S)) {
        return PX_FAIL(reterr, PX_CANCELLED, "asked to stop");
    }
    enum px_code rc = PX_OK;
    for (size_t i = 0; rc == PX_OK && i < n; i++) {
        w[i].looked_at = px_wall(r->core->clock);
        rc = px_consumer_query(r->consumer, w[i].partition, AGG_CLUSTER_WAIT, &w[i].low, &w[i].high,
                               reterr);
    }
    return rc;
}

/* A gap is believed when it is still there after a while. */
static enum px_code take(struct agg_reader *r, struct agg_wanted *w, size_t n,
                         struct px_err *reterr) {
    for (unsigned look = 1;; look++) {
        bool last = look == AGG_GAP_LOOKS;
        struct agg_take t = {.log_id = r->core->log_id,
                             .w = w,
                             .n = n,
                             .now = px_wall(r->core->clock),
                             .record_gaps = last && r->record_gaps};
        enum px_code rc = agg_core_take(r->core, &t, reterr);
        if (rc != PX_GAP || last) {
            return rc;
        }
        rc = look_again(r, w, n, reterr);
        if (rc != PX_OK) {
            return rc;
        }
    }
}

static void tell_taken(struct agg_reader *r, struct px_assigned *v, size_t n) {
    struct agg_core *c = r->core;
    for (size_t i = 0; i < n; i++) {
        const struct agg_part *p = agg_parts_find(&c->parts, v[i].partition);
        px_assert(p);
        v[i].start = p->next;
        if (p->gap_from != p->gap_to) {
            px_log(PX_LOG_WARN, "log.gap_accepted", PX_F_INT("px.partition", p->partition),
                   PX_F_INT("px.from", p->gap_from), PX_F_INT("px.to", p->gap_to),
                   PX_F_C("remedy", p->gap_to > p->gap_from
                                        ? "the events of these offsets are not in SQL; see "
                                          "ingest_gaps"
                                        : "all that the log holds is read; what was counted before "
                                          "does not count twice; see ingest_gaps"));
            px_count(c->shard, AGG_M_GAPS, 0, 0,
                     (uint64_t)(p->gap_to > p->gap_from ? p->gap_to - p->gap_from : 0));
        }
    }
    px_count(c->shard, AGG_M_ASSIGNMENTS, 0, 0, 1);
    px_log(PX_LOG_INFO, "consumer.assigned", PX_F_INT("px.partitions", n),
           PX_F_C("px.log_id", c->log_id), PX_F_C("px.topic", r->topic));
}

static enum px_code take_assigned(struct agg_reader *r, struct px_assigned *v, size_t n,
                                  struct px_err *reterr) {
    struct agg_wanted w[AGG_MAX_RANGES];
    if (n > AGG_MAX_RANGES) {
        return PX_FAIL(reterr, PX_TOO_LARGE, "%zu partitions assigned, at most %d fit one process",
                       n, AGG_MAX_RANGES);
    }
    for (size_t i = 0; i < n; i++) {
        if (v[i].low < 0 || v[i].high < 0) {
            return PX_FAIL(reterr, PX_UNAVAILABLE, "no broker told the ends of partition %d",
                           v[i].partition);
        }
        w[i] = (struct agg_wanted){.partition = v[i].partition,
                                   .low = v[i].low,
                                   .high = v[i].high,
                                   .looked_at = wall_of(r, v[i].asked)};
    }
    qsort(w, n, sizeof *w, by_wanted);
    enum px_code rc = learn_log_id(r, reterr);
    return rc == PX_OK ? take(r, w, n, reterr) : rc;
}

static enum px_code assigned(void *arg, struct px_assigned *v, size_t n, struct px_err *reterr) {
    struct agg_reader *r = arg;
    enum px_code rc = take_assigned(r, v, n, reterr);
    if (rc != PX_OK) {
        r->halt = rc != PX_UNAVAILABLE;
        return rc;
    }
    r->assigned = true;
    tell_taken(r, v, n);
    return PX_OK;
}

/* What was read and not applied is dropped: the next owner, or we, read it again from the offsets
 * that SQL holds. */
static void revoked(void *arg, const int32_t *partitions, size_t n, bool lost) {
    struct agg_reader *r = arg;
    PX_FAILPOINT("agg.in_revoke");
    r->revocations++;
    agg_batch_reset(&r->batch);
    for (size_t i = 0; i < n; i++) {
        agg_parts_remove(&r->core->parts, partitions[i]);
    }
    agg_poison_forget(r->poison);
    px_log(lost ? PX_LOG_WARN : PX_LOG_INFO, "consumer.revoked", PX_F_INT("px.partitions", n),
           PX_F_BOOL("px.lost", lost));
}

enum px_code agg_reader_join(struct agg_reader *r, struct px_err *reterr) {
    const struct agg_conf *conf = r->core->conf;
    struct px_consumer_conf cc = {.kafka = &conf->kafka,
                                  .client_id = r->client_id,
                                  .group = r->group,
                                  .topic = r->topic,
                                  .instance_id = conf->kafka_instance,
                                  .session_timeout = conf->session_timeout,
                                  .max_poll_interval = conf->max_poll,
                                  .fetch_queue_bytes = conf->fetch_queue,
                                  .assigned = assigned,
                                  .revoked = revoked,
                                  .arg = r};
    struct agg_poison_conf pc = {.kafka = &conf->kafka,
                                 .client_id = r->client_id,
                                 .log_id = r->core->log_id,
                                 .topic = r->topic,
                                 .dlq = r->dlq,
                                 .schema = agg_schemas_letter(r->schemas),
                                 .timeout = conf->dlq_timeout,
                                 .clock = r->core->clock,
                                 .status = r->core->status};
    r->assigned = false;
    r->halt = false;
    agg_pace_cut(&r->pace, px_mono(r->core->clock));
    enum px_code rc = r->poison ? PX_OK : agg_poison_open(&pc, &r->poison, reterr);
    rc = rc == PX_OK ? px_consumer_open(&cc, &r->consumer, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    rc = learn_log_id(r, reterr);
    if (rc != PX_OK) {
        agg_reader_leave(r);
    }
    return rc;
}

void agg_reader_leave(struct agg_reader *r) {
    if (r->consumer) {
        px_consumer_close(r->consumer);
        r->consumer = NULL;
    }
    agg_batch_reset(&r->batch);
    r->core->parts.n = 0;
    agg_status_kafka(r->core->status, false, 0, 0);
}

/* --- reading
 * -------------------------------------------------------------------------------------- */
/* A record whose schema nobody can tell now is not taken: what comes before it is applied, and its
 * partition waits there. */
static bool awaits_schema(struct agg_reader *r, struct agg_part *p, const struct px_message *m) {
    uint32_t id = 0;
    struct px_str body;
    if (!px_wire_get(m->value, &id, &body) ||
        agg_schemas_get(r->schemas, id).state != AGG_SCHEMA_AWAITED) {
        return false;
    }
    struct px_err err = PX_ERR_INIT;
    if (px_consumer_pause(r->consumer, p->partition, true, &err) != PX_OK) {
        px_log(PX_LOG_WARN, "consumer.pause_failed", PX_F_INT("px.partition", p->partition),
               PX_F_ERR(&err));
    }
    px_log(PX_LOG_WARN, "schema.partition_waits", PX_F_INT("px.partition", p->partition),
           PX_F_INT("px.offset", m->offset), PX_F_INT("px.schema_id", id),
           PX_F_C("remedy", "it goes on by itself when the registry tells the schema"));
    p->awaits = true;
    p->schema = id;
    return true;
}

static enum px_code take_message(struct agg_reader *r, const struct px_message *m,
                                 struct px_err *reterr) {
    struct agg_core *c = r->core;
    struct agg_part *p = agg_parts_find(&c->parts, m->partition);
    if (!p || p->blocked || p->awaits || awaits_schema(r, p, m)) {
        return PX_OK; /* not ours any more, or it waits: it will be read again */
    }
    if (m->offset % 10 == 3 && PX_DEFECT("agg.skip_offset")) {
        return PX_OK;
    }
    px_count(c->shard, AGG_M_CONSUMED, 0, 0, 1);
    struct agg_record rec = {
        .partition = m->partition, .offset = m->offset, .key = m->key, .value = m->value};
    struct agg_item *it = NULL;
    enum px_code rc = agg_batch_add(&r->batch, p->next, &rec, r->pace.empty_at, &it, reterr);
    if (rc == PX_OK && it) {
        rc = agg_decode(&r->decoder, it, &r->batch.arena, reterr);
        PX_FAILPOINT("agg.after_decode");
    }
    return rc;
}

static enum px_code take_eof(struct agg_reader *r, const struct px_message *m,
                             struct px_err *reterr) {
    const struct agg_part *p = agg_parts_find(&r->core->parts, m->partition);
    if (!p || p->blocked || p->awaits) {
        return PX_OK;
    }
    return agg_batch_eof(&r->batch, p->next, m->partition, m->offset, r->pace.empty_at, reterr);
}

static px_us poll_for(const struct agg_reader *r, px_us mono) {
    if (agg_batch_empty(&r->batch)) {
        return AGG_POLL_MAX;
    }
    px_us left = r->batch.opened + r->batch.limits.max_delay - mono;
    left = left < 0 ? 0 : left;
    return left < AGG_POLL_MAX ? left : AGG_POLL_MAX;
}

static enum px_code read_one(struct agg_reader *r, px_us mono, struct px_err *reterr) {
    enum px_polled kind = PX_POLL_NOTHING;
    struct px_message m = {0};
    enum px_code rc = px_consumer_poll(r->consumer, poll_for(r, mono), &kind, &m, reterr);
    agg_pace_polled(&r->pace, kind == PX_POLL_NOTHING, mono, px_mono(r->core->clock));
    if (rc == PX_UNREADABLE) {
        r->bad = (struct agg_place){.partition = m.partition, .offset = m.offset};
    }
    if (rc != PX_OK || kind == PX_POLL_NOTHING) {
        return rc;
    }
    if (kind == PX_POLL_EOF) {
        return take_eof(r, &m, reterr);
    }
    PX_FAILPOINT("agg.after_poll");
    rc = take_message(r, &m, reterr);
    px_message_free(&m);
    return rc;
}

enum px_code agg_reader_turn(struct agg_reader *r, bool *ret_done, struct px_err *reterr) {
    px_us mono = px_mono(r->core->clock);
    enum px_code rc = PX_OK;
    if (agg_batch_ready(&r->batch, &r->pace, mono)) {
        agg_pace_cut(&r->pace, mono);
        rc = agg_reader_flush(r, reterr);
    } else {
        rc = read_one(r, mono, reterr);
    }
    return rc == PX_OK ? agg_reader_tick(r, ret_done, reterr) : rc;
}

/* --- rivals
 * --------------------------------------------------------------------------------------- */
enum agg_rival agg_reader_rival(struct agg_reader *r) {
    uint64_t before = r->revocations;
    px_us until = px_mono(r->core->clock) + AGG_RIVAL_WAIT;
    enum px_code rc = PX_OK;
    while (rc == PX_OK && r->revocations == before && px_mono(r->core->clock) < until &&
           !agg_status_stopping(r->core->status)) {
        enum px_polled kind = PX_POLL_NOTHING;
        struct px_message m = {0}; /* dropped: it will be read again */
        rc = px_consumer_poll(r->consumer, AGG_POLL_MAX, &kind, &m, NULL);
        if (rc == PX_OK && kind == PX_POLL_MESSAGE) {
            px_message_free(&m);
        }
        agg_status_beat(r->core->status, px_mono(r->core->clock));
    }
    if (px_consumer_replaced(r->consumer)) {
        return AGG_RIVAL_TWIN;
    }
    bool silent = rc == PX_OK && r->revocations == before;
    return silent && !px_consumer_brokers_down(r->consumer) ? AGG_RIVAL_OUTSIDER : AGG_RIVAL_NONE;
}
