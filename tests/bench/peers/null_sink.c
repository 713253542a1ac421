/* px/kafka.h's producer without a log: every message counts as stored in the same turn. Linked into
 * svc-ingest in place of libcore's producer it shows what the service costs without librdkafka;
 * nothing but a benchmark may be built with it, for its acknowledgement is not true. */
#include <px/kafka.h>
#include <px/mem.h>

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WAITING_MAX 65536

struct px_topic {
    struct px_topic *next;
    size_t bytes;
};

struct px_producer {
    struct px_producer_conf conf;
    struct px_topic *topics;
    int fd;
    size_t n;
    int64_t offset;
    char copy[1 << 16]; /* a message is copied at least, as a queue would */
    uint64_t waiting[WAITING_MAX];
};

enum px_code px_producer_open(const struct px_producer_conf *conf, struct px_producer **ret,
                              struct px_err *reterr) {
    struct px_producer *p = px_alloc(sizeof *p);
    if (!p) {
        return PX_FAIL(reterr, PX_NOMEM, "null sink: no memory");
    }
    p->conf = *conf;
    p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->fd < 0) {
        px_free(p);
        return px_err_errno(reterr, PX_UNAVAILABLE, PX_HERE, "eventfd");
    }
    *ret = p;
    return PX_OK;
}

int px_producer_fd(const struct px_producer *p) {
    return p->fd;
}

enum px_code px_producer_topic(struct px_producer *p, const char *name, struct px_topic **ret,
                               struct px_err *reterr) {
    struct px_topic *t = px_alloc(sizeof *t);
    if (!t) {
        return PX_FAIL(reterr, PX_NOMEM, "null sink: no memory for %s", name);
    }
    t->next = p->topics;
    p->topics = t;
    *ret = t;
    return PX_OK;
}

enum px_code px_producer_send(struct px_producer *p, struct px_topic *t, const struct px_record *r,
                              struct px_err *reterr) {
    const uint64_t one = 1;
    if (p->n == WAITING_MAX || r->value.n > sizeof p->copy) {
        return PX_FAIL(reterr, PX_BUSY, "null sink: full");
    }
    memcpy(p->copy, r->value.p, r->value.n);
    t->bytes += r->value.n;
    if (p->n == 0) {
        PX_IGNORE(write(p->fd, &one, sizeof one) < 0); /* never full */
    }
    p->waiting[p->n++] = r->tag;
    return PX_OK;
}

size_t px_producer_dispatch(struct px_producer *p) {
    uint64_t count;
    size_t n = p->n;
    PX_IGNORE(read(p->fd, &count, sizeof count) < 0); /* empty when the timer calls */
    for (size_t i = 0; i < n; i++) {
        const struct px_report r = {
            .tag = p->waiting[i], .delivery = PX_PERSISTED, .offset = p->offset++};
        p->conf.report(p->conf.arg, &r);
    }
    p->n = 0;
    return n;
}

void px_producer_get(const struct px_producer *p, struct px_producer_state *ret) {
    *ret = (struct px_producer_state){.in_flight = p->n};
}

void px_producer_close(struct px_producer *p, px_us wait) {
    PX_IGNORE(wait);
    if (!p) {
        return;
    }
    px_producer_dispatch(p);
    while (p->topics) {
        struct px_topic *t = p->topics;
        p->topics = t->next;
        px_free(t);
    }
    close(p->fd);
    px_free(p);
}
