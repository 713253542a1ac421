/* The aggregator thread: join the group, turn until something ends the membership, join again. What
 * passes by itself is waited for; what does not ends the program with its exit code and one line
 * that says why. */
#include "agg.h"

#include "retry.h"

#include <px/log.h>

/* A membership that lasted this long makes the next pause short again. */
#define AGG_SETTLED (10 * PX_US_PER_S)

/* Two processes that take each other's partitions in turn count right and get nowhere: the one that
 * has lost so often in so short a time gives way. */
#define AGG_RIVAL_MAX  3
#define AGG_RIVAL_SPAN (60 * PX_US_PER_S)

/* A record batch that cannot be read may come out right from another replica, or after a fault of
 * the network that its checksum has found; so often at one place it will not. */
#define AGG_UNREADABLE_MAX 3

enum next {
    AGG_NEXT_JOIN,
    AGG_NEXT_END
};

struct rivalry {
    unsigned lost;
    px_us since;
};

struct dead_end {
    struct agg_place at;
    unsigned times;
};

/* What ended the last membership, and what is remembered over several of them. */
struct trouble {
    enum px_code code;
    struct rivalry rivalry;
    struct dead_end dead_end;
    bool followed; /* erasures were looked at before the first event */
};

static enum px_code gives_way(const struct agg *a, enum agg_rival who, struct px_err *reterr) {
    if (who == AGG_RIVAL_TWIN) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "Kafka:InstanceId %s: another process bears it too and took the partitions "
                       "%d times: give each process an id of its own",
                       a->conf->kafka_instance, AGG_RIVAL_MAX);
    }
    return PX_FAIL(reterr, PX_CONFIG,
                   "Kafka:GroupId %s: a process that is not of this group took the partitions %d "
                   "times: all that write to one database must share one group",
                   a->conf->group, AGG_RIVAL_MAX);
}

/* ${rc}: how the membership ended. What is done about it, while the group can still be asked. */
static enum px_code look_for_rivals(struct agg *a, struct rivalry *v, enum px_code rc,
                                    struct px_err *reterr) {
    struct agg_reader *r = &a->reader;
    if (rc == PX_FENCED) {
        px_count(a->core.shard, AGG_M_FENCED, 0, 0, 1);
    }
    if (!r->consumer || (rc != PX_FENCED && rc != PX_DEAD)) {
        return rc;
    }
    enum agg_rival who = agg_reader_rival(r);
    if (who == AGG_RIVAL_NONE) {
        return rc;
    }
    px_us now = px_mono(a->core.clock);
    if (v->lost == 0 || now - v->since > AGG_RIVAL_SPAN) {
        *v = (struct rivalry){.since = now};
    }
    return ++v->lost < AGG_RIVAL_MAX ? rc : gives_way(a, who, reterr);
}

/* What was read before the place is whole: applied now, it is not in the way of the next try. */
static enum px_code stopped_short(struct agg *a, struct dead_end *d, struct px_err *reterr) {
    const struct agg_place at = a->reader.bad;
    struct px_err flushed = PX_ERR_INIT;
    enum px_code rc = agg_reader_flush(&a->reader, &flushed);
    if (rc != PX_OK) {
        *reterr = flushed;
        return rc;
    }
    if (d->at.partition != at.partition || d->at.offset != at.offset) {
        *d = (struct dead_end){.at = at};
    }
    d->times++;
    return PX_UNREADABLE;
}

static enum px_code membership(struct agg *a, struct trouble *t, bool *ret_done,
                               struct px_err *reterr) {
    struct agg_reader *r = &a->reader;
    enum px_code rc = agg_core_reconnect(&a->core, reterr);
    rc = rc == PX_OK && !t->followed ? agg_follow_first(a, reterr) : rc;
    t->followed = t->followed || rc == PX_OK;
    rc = rc == PX_OK ? agg_reader_join(r, reterr) : rc;
    while (rc == PX_OK && !*ret_done && !agg_status_stopping(&a->status)) {
        rc = agg_reader_turn(r, ret_done, reterr);
    }
    if (rc == PX_OK) {
        rc = agg_reader_flush(r, reterr);
    } else if (rc == PX_UNREADABLE) {
        rc = stopped_short(a, &t->dead_end, reterr);
    }
    rc = look_for_rivals(a, &t->rivalry, rc, reterr);
    agg_reader_leave(r);
    return rc;
}

/* Does joining again mend it? */
static bool mends(const struct agg *a, const struct trouble *t, enum px_code code) {
    switch (code) {
    case PX_BUSY:
    case PX_FENCED:
        return true;
    case PX_UNAVAILABLE:
    case PX_NOT_FOUND:
    case PX_DEAD:
    case PX_TIMEOUT:
        return !a->reader.once || code == PX_DEAD;
    case PX_UNREADABLE:
        return t->dead_end.times < AGG_UNREADABLE_MAX;
    case PX_GAP: /* found while fetching: taking the partitions again decides what it means */
        return !a->reader.halt;
    default:
        return false;
    }
}

static const char *remedy(enum px_code code) {
    switch (code) {
    case PX_GAP:
        return "find out who removed the events; then --accept-gap once, or Kafka:OnGap=record";
    case PX_UNREADABLE:
        return "the batch came damaged each time: look at the brokers' disks; to go on without it, "
               "set next_offset of its partition in consumer_offsets behind it, which the ledger "
               "then shows as a gap";
    case PX_NEW_LOG:
        return "check Kafka:BootstrapServers; for a new cluster set Kafka:OnNewLog=start";
    case PX_SCHEMA:
        return "--check names what is missing; svc-aggregator --migrate=up applies what is pending";
    case PX_DENIED:
        return "check the credentials and rights of this service";
    case PX_CONFIG:
        return "correct the option that is named";
    case PX_FENCED:
        return "nothing is half done; if it repeats, two processes share one Kafka:InstanceId, or "
               "two groups one database";
    case PX_NOT_FOUND:
        return "create the topic, or correct the parts of its name";
    default:
        return "nothing is half done: a restart resumes from the offsets in SQL";
    }
}

static enum next after(struct agg *a, const struct trouble *t, const struct px_err *err,
                       unsigned attempt) {
    enum px_code code = t->code;
    if (code == PX_OK || code == PX_CANCELLED) {
        return AGG_NEXT_END;
    }
    if (!mends(a, t, code)) {
        px_log(PX_LOG_ERROR, "aggregator.halted", PX_F_ERR(err),
               PX_F_INT("process.exit_code", px_code_exit(code)), PX_F_C("remedy", remedy(code)));
        px_app_finish(a->app, code);
        return AGG_NEXT_END;
    }
    px_log(PX_LOG_WARN, "consumer.joins_again", PX_F_ERR(err), PX_F_C("remedy", remedy(code)));
    return agg_core_pause(&a->core, attempt) ? AGG_NEXT_END : AGG_NEXT_JOIN;
}

void *agg_run(void *arg) {
    struct agg *a = arg;
    enum next next = AGG_NEXT_JOIN;
    struct trouble t = {.code = PX_OK};
    bool done = false;
    for (unsigned attempt = 0; next == AGG_NEXT_JOIN; attempt++) {
        struct px_err err = PX_ERR_INIT;
        px_us from = px_mono(a->core.clock);
        t.code = membership(a, &t, &done, &err);
        attempt = px_mono(a->core.clock) - from > AGG_SETTLED ? 0 : attempt;
        next = after(a, &t, &err, attempt);
    }
    if (done && !agg_status_stopping(&a->status)) {
        px_log(PX_LOG_INFO, "aggregator.drained",
               PX_F_INT("px.events", px_metrics_value(a->metrics, AGG_M_CONSUMED, 0, 0)));
        px_app_finish(a->app, PX_OK);
    }
    struct px_err stopped = PX_ERR_INIT;
    agg_core_disconnect(&a->core, &stopped);
    agg_status_set_done(&a->status);
    return NULL;
}
