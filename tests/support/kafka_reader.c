/* Books every callback and message of a consumer under test; asserts that partitions are only ever
 * taken away from who had them. */
#include "kafka_reader.h"
#include <assert.h>
#include <string.h>

static enum px_code kafka_reader_assigned(void *arg, struct px_assigned *v, size_t n,
                                          struct px_err *reterr) {
    struct kafka_reader *r = arg;
    r->assigns++;
    if (r->assign_fails) {
        return PX_FAIL(reterr, r->assign_fails, "as told");
    }
    for (size_t i = 0; i < n; i++) {
        int32_t p = v[i].partition;
        assert(p < KAFKA_READER_PARTITIONS && !r->owned[p]);
        r->owned[p] = true;
        r->low[p] = v[i].low;
        r->high[p] = v[i].high;
        v[i].start = r->starts[p];
        r->next[p] = r->starts[p];
        r->eof[p] = false;
    }
    return PX_OK;
}

static void kafka_reader_revoked(void *arg, const int32_t *partitions, size_t n, bool lost) {
    struct kafka_reader *r = arg;
    r->revokes++;
    r->lost += lost;
    for (size_t i = 0; i < n; i++) {
        assert(r->owned[partitions[i]]);
        r->owned[partitions[i]] = false;
        r->starts[partitions[i]] = r->next[partitions[i]];
    }
}

void kafka_reader_init(struct kafka_reader *r, const char *bootstrap) {
    memset(r, 0, sizeof *r);
    r->conf.bootstrap = bootstrap;
    r->conf.properties = "";
    for (int i = 0; i < KAFKA_READER_PARTITIONS; i++) {
        r->starts[i] = PX_OFFSET_BEGINNING;
    }
}

void kafka_reader_open(struct kafka_reader *r, const char *group, const char *topic,
                       px_us max_poll) {
    struct px_consumer_conf c = {.kafka = &r->conf,
                                 .client_id = "reader",
                                 .group = group,
                                 .topic = topic,
                                 .instance_id = "",
                                 .session_timeout = 6 * PX_US_PER_S,
                                 .max_poll_interval = max_poll,
                                 .fetch_queue_bytes = 16 << 20,
                                 .assigned = kafka_reader_assigned,
                                 .revoked = kafka_reader_revoked,
                                 .arg = r};
    assert(px_consumer_open(&c, &r->consumer, NULL) == PX_OK);
}

void kafka_reader_close(struct kafka_reader *r) {
    px_consumer_close(r->consumer);
    assert(kafka_reader_owned(r) == 0);
}

static void kafka_reader_book(struct kafka_reader *r, const struct px_message *m) {
    int64_t *next = &r->next[m->partition];
    assert(r->owned[m->partition]);
    r->disorder += *next >= 0 && m->offset != *next;
    *next = m->offset + 1;
    r->messages++;
    memset(r->last_trace, 0, sizeof r->last_trace);
    if (m->traceparent.n && m->traceparent.n < sizeof r->last_trace) {
        memcpy(r->last_trace, m->traceparent.p, m->traceparent.n);
    }
}

enum px_code kafka_reader_poll(struct kafka_reader *r, px_us timeout, struct px_err *reterr) {
    enum px_polled kind = PX_POLL_NOTHING;
    struct px_message m = {.partition = -1};
    enum px_code rc = px_consumer_poll(r->consumer, timeout, &kind, &m, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    if (kind == PX_POLL_MESSAGE) {
        kafka_reader_book(r, &m);
        px_message_free(&m);
    } else if (kind == PX_POLL_EOF) {
        r->eof[m.partition] = true;
        r->next[m.partition] = m.offset;
    }
    return PX_OK;
}

size_t kafka_reader_owned(const struct kafka_reader *r) {
    size_t n = 0;
    for (int i = 0; i < KAFKA_READER_PARTITIONS; i++) {
        n += r->owned[i];
    }
    return n;
}
