/* Event -> Avro -> the producer's queue: topic by family, key = player. Headers only for traced
 * events (see DESIGN.md for the measurement). Must not wait for the log. */
#include "handle.h"

#include <px/event_avro.h>
#include <px/mem.h>

/* Several times the largest event that the limits allow. */
#define PUBLISH_VALUE_MAX (512 * 1024)

static void publish_report(void *arg, const struct px_report *report) {
    struct ing_worker *w = arg;

    ing_settle_report(w, report);
}

/* Opens a topic of family ${i}. */
static enum px_code publish_topic(struct ing_worker *w, size_t i, bool dead, struct px_topic **ret,
                                  struct px_err *reterr) {
    const struct px_family *f = px_catalog_family(w->world->catalog, i);
    const struct px_kafka_conf *k = &w->world->conf->kafka;
    struct px_topic_parts parts = {.region = k->region, .org = k->org, .env = k->env};
    PX_DEFER(px_buf_fini) struct px_buf name = PX_BUF_INIT(512);

    px_topic_name(&name, &parts, f, dead);
    enum px_code rc = px_buf_ok(&name, reterr);
    if (rc == PX_OK && !dead) {
        struct ing_topics *t = &w->topics[i];
        rc = px_str_copy(px_buf_view(&name), t->name, sizeof t->name)
                 ? PX_OK
                 : PX_FAIL(reterr, PX_CONFIG, "the parts of the topic name make it too long");
    }
    return rc ? rc : px_producer_topic(w->producer, px_buf_cstr(&name), ret, reterr);
}

enum px_code ing_publish_open(struct ing_worker *w, struct px_err *reterr) {
    const struct ing_conf *conf = w->world->conf;
    /* Room for every slot and for the dead letters that the rate lets through until they time out.
     */
    int64_t dead = conf->dlq_rate * (conf->message_timeout / PX_US_PER_S + 3) + 16;
    struct px_producer_conf pc = {.kafka = &conf->kafka,
                                  .client_id = w->world->client_id,
                                  .message_timeout = conf->message_timeout,
                                  .linger = conf->linger,
                                  .compression = ing_conf_compression(conf),
                                  .queue_messages = (int64_t)w->pending.cap + dead,
                                  .report = publish_report,
                                  .arg = w};
    enum px_code rc = px_producer_open(&pc, &w->producer, reterr);
    if (rc) {
        return rc;
    }
    size_t n = px_catalog_families(w->world->catalog);
    w->topics = px_calloc2(n, sizeof *w->topics);
    if (!w->topics) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %zu topics", n);
    }
    for (size_t i = 0; i < n; i++) {
        w->topics[i].ids = w->world->ids[i];
        rc = publish_topic(w, i, false, &w->topics[i].events, reterr);
        if (rc == PX_OK) {
            rc = publish_topic(w, i, true, &w->topics[i].dead, reterr);
        }
        if (rc) {
            return rc;
        }
    }
    px_buf_init(&w->scratch.value, PUBLISH_VALUE_MAX);
    return PX_OK;
}

void ing_publish_close(struct ing_worker *w, px_us wait) {
    if (w->producer) {
        px_producer_close(w->producer, wait);
        w->producer = NULL;
    }
    px_free(w->topics);
    w->topics = NULL;
    px_buf_fini(&w->scratch.value);
}

static enum ing_busy publish_busy(enum px_code code) {
    switch ((int)code) {
    case PX_BUSY:
        return ING_BUSY_OVERLOADED;
    case PX_DENIED:
    case PX_NOT_FOUND:
        return ING_BUSY_REFUSED;
    default:
        return ING_BUSY_UNAVAILABLE;
    }
}

static const struct ing_topics *publish_topics(const struct ing_worker *w,
                                               const struct px_family *f) {
    for (size_t i = 0;; i++) {
        if (px_catalog_family(w->world->catalog, i) == f) {
            return &w->topics[i];
        }
    }
}

const char *ing_publish_topic(const struct ing_worker *w, unsigned type) {
    return publish_topics(w, px_catalog_type(w->world->catalog, type)->family)->name;
}

enum px_code ing_publish(struct ing_worker *w, const struct px_event *ev,
                         const struct px_family *family, uint64_t tag, enum ing_busy *ret_busy,
                         struct px_err *reterr) {
    const struct ing_topics *to = publish_topics(w, family);

    px_buf_reset(&w->scratch.value);
    px_event_write(ev, to->ids.events, &w->scratch.value);
    enum px_code rc = px_buf_ok(&w->scratch.value, reterr);
    struct px_header trace = {.name = "traceparent", .value = ev->traceparent};
    struct px_record record = {.key = ev->player_id,
                               .value = px_buf_view(&w->scratch.value),
                               .headers = &trace,
                               .nheaders = ev->traceparent.n ? 1 : 0,
                               .tag = tag};
    if (rc == PX_OK) {
        rc = px_producer_send(w->producer, to->events, &record, reterr);
    }
    if (rc && rc != PX_TOO_LARGE) {
        *ret_busy = publish_busy(rc);
    }
    return rc;
}
