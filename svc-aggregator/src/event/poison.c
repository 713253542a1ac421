/* The producer of dead letters. Between decode.c (or a row that SQL refuses) and the commit that
 * moves the offset past the record; a failure here never loses a record, it only makes its
 * partition wait. */
#include "poison.h"

#include <px/app.h>
#include <px/event_avro.h>
#include <px/log.h>
#include <px/mem.h>

#include <poll.h>

#define AGG_LETTER_MAX (64 << 20)
/* What is kept of a record whose letter is refused as too large; the log still holds the rest. */
#define AGG_EXCERPT 4096
/* librdkafka looks at timeouts once a second: its own report comes a little later. */
#define AGG_REPORT_MARGIN (1500 * PX_US_PER_MS)

/* A record that waits, or that was stored while its partition waited. */
struct waiting {
    int32_t partition;
    int64_t offset;
    struct px_buf letter, key;
    uint64_t tag; /* in flight; 0 = not */
    bool stored;
    bool too_large; /* refused for its size: the topic answers, so the record is read again */
};

struct agg_poison {
    struct agg_poison_conf conf;
    struct px_producer *producer;
    struct px_topic *topic;
    struct px_buf letter;
    uint64_t tag; /* last one given out */
    /* the call of agg_poison_put that waits for reports: tags first .. first + n - 1 */
    struct agg_item *const *items;
    uint64_t first;
    size_t n, open;
    struct waiting *wait; /* AGG_MAX_RANGES */
    size_t nwait;
};

static void reported(void *arg, const struct px_report *r) {
    struct agg_poison *p = arg;
    bool stored = r->delivery == PX_PERSISTED;
    for (size_t i = 0; i < p->nwait; i++) {
        if (p->wait[i].tag == r->tag) {
            p->wait[i].tag = 0;
            p->wait[i].stored = stored;
            p->wait[i].too_large = r->code == PX_TOO_LARGE;
            return;
        }
    }
    if (p->items && r->tag >= p->first && r->tag < p->first + p->n) {
        struct agg_item *it = p->items[r->tag - p->first];
        it->dead_acked = stored;
        it->excerpt = it->excerpt || r->code == PX_TOO_LARGE;
        p->open--;
    }
}

enum px_code agg_poison_open(const struct agg_poison_conf *conf, struct agg_poison **ret,
                             struct px_err *reterr) {
    struct agg_poison *p = px_alloc(sizeof *p);
    if (!p) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for dead letters");
    }
    p->conf = *conf;
    px_buf_init(&p->letter, AGG_LETTER_MAX);
    p->wait = px_calloc2(AGG_MAX_RANGES, sizeof *p->wait);
    struct px_producer_conf pc = {.kafka = conf->kafka,
                                  .client_id = conf->client_id,
                                  .message_timeout = conf->timeout,
                                  .linger = 5 * PX_US_PER_MS,
                                  .compression = "lz4",
                                  .queue_messages = 100000,
                                  .report = reported,
                                  .arg = p};
    enum px_code rc = p->wait ? px_producer_open(&pc, &p->producer, reterr)
                              : PX_FAIL(reterr, PX_NOMEM, "no memory for dead letters");
    rc = rc == PX_OK ? px_producer_topic(p->producer, conf->dlq, &p->topic, reterr) : rc;
    if (rc != PX_OK) {
        agg_poison_close(p);
        return rc;
    }
    *ret = p;
    return PX_OK;
}

static void waiting_fini(struct waiting *w) {
    px_buf_fini(&w->letter);
    px_buf_fini(&w->key);
}

void agg_poison_close(struct agg_poison *p) {
    if (!p) {
        return;
    }
    if (p->producer) {
        px_producer_close(p->producer, PX_US_PER_S);
    }
    for (size_t i = 0; i < p->nwait; i++) {
        waiting_fini(&p->wait[i]);
    }
    px_free(p->wait);
    px_buf_fini(&p->letter);
    px_free(p);
}

static struct px_str cut(const struct agg_item *it, struct px_str s) {
    s.n = it->excerpt && s.n > AGG_EXCERPT ? AGG_EXCERPT : s.n;
    return s;
}

static enum px_code write_letter(struct agg_poison *p, const struct agg_item *it,
                                 struct px_buf *out, struct px_err *reterr) {
    struct px_str payload = cut(it, it->value), key = cut(it, it->key);
    struct px_dead_letter d = {.reason = px_str_c(px_reason_code(it->reason)),
                               .field = it->field,
                               .detail = it->detail,
                               .at = px_wall(p->conf.clock),
                               .service = PX_S("svc-aggregator"),
                               .version = px_str_c(px_version()),
                               .topic = px_str_c(p->conf.topic),
                               .partition = it->partition,
                               .offset = it->offset,
                               .key = key,
                               .payload = payload,
                               .log_id = px_str_c(p->conf.log_id),
                               .payload_bytes = payload.n < it->value.n ? (int64_t)it->value.n : 0,
                               .key_bytes = key.n < it->key.n ? (int64_t)it->key.n : 0};
    px_buf_reset(out);
    px_dead_letter_write(&d, p->conf.schema ? p->conf.schema : PX_SCHEMA_DLQ, out);
    return px_buf_ok(out, reterr);
}

static enum px_code send(struct agg_poison *p, struct px_str key, struct px_str letter,
                         uint64_t tag, struct px_err *reterr) {
    struct px_record r = {.key = key, .value = letter, .tag = tag};
    return px_producer_send(p->producer, p->topic, &r, reterr);
}

static struct waiting *waiting_find(struct agg_poison *p, int32_t partition) {
    for (size_t i = 0; i < p->nwait; i++) {
        if (p->wait[i].partition == partition) {
            return &p->wait[i];
        }
    }
    return NULL;
}

/* Stored while its partition waited, and read again now? */
static bool stored_before(struct agg_poison *p, const struct agg_item *it) {
    const struct waiting *w = waiting_find(p, it->partition);
    return w && w->offset == it->offset && w->stored;
}

/* A place for one more partition. What waits belongs to partitions that are owned, so in a full
 * table there is a letter that was stored: forgetting it may store it twice, which is harmless. */
static struct waiting *waiting_place(struct agg_poison *p) {
    if (p->nwait < AGG_MAX_RANGES) {
        return &p->wait[p->nwait++];
    }
    size_t i = 0;
    while (i < p->nwait && !p->wait[i].stored) {
        i++;
    }
    px_assert(i < p->nwait);
    waiting_fini(&p->wait[i]);
    return &p->wait[i];
}

static enum px_code block(struct agg_poison *p, const struct agg_item *it, struct px_err *reterr) {
    struct waiting *w = waiting_find(p, it->partition);
    if (w && !w->stored && w->offset <= it->offset) {
        return PX_OK;
    }
    if (w) {
        waiting_fini(w);
    } else {
        w = waiting_place(p);
    }
    *w = (struct waiting){.partition = it->partition, .offset = it->offset};
    px_buf_init(&w->letter, AGG_LETTER_MAX);
    px_buf_init(&w->key, AGG_LETTER_MAX);
    px_buf_str(&w->key, it->key);
    enum px_code rc = write_letter(p, it, &w->letter, reterr);
    return rc == PX_OK ? px_buf_ok(&w->key, reterr) : rc;
}

static bool known_down(const struct agg_poison *p) {
    return agg_poison_blocked(p) > 0;
}

/* Until every report is in, or the time is over; reports that come later find no item any more. */
static void await_reports(struct agg_poison *p) {
    px_us until = px_mono(p->conf.clock) + p->conf.timeout + AGG_REPORT_MARGIN;
    while (p->open > 0 && px_mono(p->conf.clock) < until) {
        struct pollfd fd = {.fd = px_producer_fd(p->producer), .events = POLLIN};
        (void)poll(&fd, 1, 50);
        px_producer_dispatch(p->producer);
        agg_status_beat(p->conf.status, px_mono(p->conf.clock));
    }
}

/* PX_OK also when the queue did not take it: then it is missing in the end. */
static enum px_code send_item(struct agg_poison *p, struct agg_item *it, uint64_t tag,
                              struct px_err *reterr) {
    enum px_code rc = write_letter(p, it, &p->letter, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    rc = send(p, cut(it, it->key), px_buf_view(&p->letter), tag, NULL);
    p->open += rc == PX_OK ? 1 : 0;
    it->excerpt = it->excerpt || rc == PX_TOO_LARGE;
    return PX_OK;
}

/* ${excerpts}: a second round, for those that were refused as too large. */
static enum px_code send_all(struct agg_poison *p, struct agg_item *const *items, size_t n,
                             bool excerpts, struct px_err *reterr) {
    p->items = items;
    p->first = p->tag + 1;
    p->n = n;
    p->open = 0;
    p->tag += n;
    enum px_code rc = PX_OK;
    for (size_t i = 0; rc == PX_OK && i < n; i++) {
        if (!items[i]->dead_acked && (!excerpts || items[i]->excerpt)) {
            rc = send_item(p, items[i], p->first + i, reterr);
        }
    }
    if (rc == PX_OK) {
        await_reports(p);
    }
    p->items = NULL;
    p->n = 0;
    return rc;
}

static bool any_excerpt(struct agg_item *const *items, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (items[i]->excerpt && !items[i]->dead_acked) {
            return true;
        }
    }
    return false;
}

enum px_code agg_poison_put(struct agg_poison *p, struct agg_item *const *items, size_t n,
                            struct px_err *reterr) {
    for (size_t i = 0; i < n; i++) {
        items[i]->dead_acked = items[i]->dead_acked || stored_before(p, items[i]);
    }
    enum px_code rc = PX_OK;
    if (!known_down(p)) {
        rc = send_all(p, items, n, false, reterr);
        if (rc == PX_OK && any_excerpt(items, n)) {
            rc = send_all(p, items, n, true, reterr);
        }
    }
    size_t missing = 0;
    for (size_t i = 0; rc == PX_OK && i < n; i++) {
        if (!items[i]->dead_acked) {
            missing++;
            rc = block(p, items[i], reterr);
        }
    }
    if (rc == PX_OK && missing > 0) {
        return PX_FAIL(reterr, PX_UNAVAILABLE, "%zu of %zu dead letters could not be stored in %s",
                       missing, n, p->conf.dlq);
    }
    return rc;
}

size_t agg_poison_blocked(const struct agg_poison *p) {
    size_t n = 0;
    for (size_t i = 0; i < p->nwait; i++) {
        n += p->wait[i].stored || p->wait[i].too_large ? 0 : 1;
    }
    return n;
}

bool agg_poison_retry(struct agg_poison *p) {
    if (!known_down(p)) {
        return false;
    }
    px_producer_dispatch(p->producer);
    for (size_t i = 0; i < p->nwait; i++) {
        struct waiting *w = &p->wait[i];
        if (w->stored || w->too_large || w->tag) {
            continue;
        }
        uint64_t tag = ++p->tag;
        enum px_code rc = send(p, px_buf_view(&w->key), px_buf_view(&w->letter), tag, NULL);
        w->tag = rc == PX_OK ? tag : 0;
        w->too_large = rc == PX_TOO_LARGE;
    }
    return !known_down(p);
}

void agg_poison_forget(struct agg_poison *p) {
    size_t kept = 0;
    for (size_t i = 0; i < p->nwait; i++) {
        if (p->wait[i].stored) {
            p->wait[kept++] = p->wait[i];
        } else {
            waiting_fini(&p->wait[i]);
        }
    }
    p->nwait = kept;
}
