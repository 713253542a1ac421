/* Judges answers and writes them down; see record.h. Peers fill none of its buffers: what is not
 * short visible ASCII is left out. */
#include "record.h"

#include <px/clock.h>
#include <px/hash.h>
#include <px/num.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define RECORD_TEXT_MAX 64
#define RECORD_IDS_KEEP ((size_t)64 * 1024)
#define RECORD_IDS_MAX  ((size_t)64 * 1024 * 1024)

/* --- files --------------------------------------------------------------------------------------
 */

enum px_code record_open(struct record *r, struct load_run *run, struct px_err *reterr) {
    const struct load_conf *c = &run->conf;

    *r = (struct record){
        .run = run, .book = BOOK_INIT, .ids = -1, .ids_text = PX_BUF_INIT(RECORD_IDS_MAX)};
    if (c->book_file && book_create(&r->book, c->book_file, c->seed, px_str_c(c->prefix), reterr)) {
        return px_err_context(reterr, "--book");
    }
    if (c->ids_file) {
        r->ids = open(c->ids_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (r->ids < 0) {
            px_err_errno(reterr, PX_IO, PX_HERE, c->ids_file);
            return px_err_context(reterr, "--ids");
        }
    }
    return PX_OK;
}

static enum px_code write_ids(struct record *r, struct px_err *reterr) {
    enum px_code rc = px_buf_ok(&r->ids_text, reterr);

    for (size_t done = 0; !rc && done < r->ids_text.n;) {
        ssize_t n = write(r->ids, r->ids_text.p + done, r->ids_text.n - done);
        if (n < 0 && errno != EINTR) {
            px_err_errno(reterr, PX_IO, PX_HERE, r->run->conf.ids_file);
            return px_err_context(reterr, "--ids");
        }
        done += n < 0 ? 0 : (size_t)n;
    }
    px_buf_reset(&r->ids_text);
    return rc;
}

enum px_code record_flush(struct record *r, struct px_err *reterr) {
    if (r->book.fd >= 0 && r->book.b.n && book_flush(&r->book, reterr)) {
        return px_err_context(reterr, "--book %s", r->run->conf.book_file);
    }
    return r->ids >= 0 && r->ids_text.n > RECORD_IDS_KEEP ? write_ids(r, reterr) : PX_OK;
}

enum px_code record_close(struct record *r, struct px_err *reterr) {
    enum px_code rc = PX_OK;

    if (book_close(&r->book, reterr)) {
        rc = px_err_context(reterr, "--book %s", r->run->conf.book_file);
    }
    if (r->ids >= 0) {
        rc = rc ? rc : write_ids(r, reterr);
        if (close(r->ids) && !rc) {
            rc = px_err_errno(reterr, PX_IO, PX_HERE, "--ids");
        }
        r->ids = -1;
    }
    px_buf_fini(&r->ids_text);
    return rc;
}

/* --- intents and outcomes -----------------------------------------------------------------------
 */

void record_intent(struct record *r, uint32_t i) {
    struct load_texts t;

    if (r->book.fd < 0) {
        return;
    }
    load_request_texts(&r->run->conf, &r->run->v[i], &t);
    book_intent(&r->book, &(struct book_intent){.n = i + (uint64_t)1,
                                                .at = px_wall(&px_clock_system),
                                                .want = t.want,
                                                .type = t.type,
                                                .player = t.player,
                                                .banner = t.banner,
                                                .eid = t.eid});
}

/* Which answer a correct ingest gives to ${q}; 503 is always one. */
static bool is_expected(const struct load_request *q, const struct outcome *o) {
    if (o->status == 503) {
        return true;
    }
    if (q->kind == LOAD_INVALID) {
        int want = q->fault == LOAD_UNKNOWN_TYPE ? 404 : 400;
        return o->status == want && px_str_is(o->code, load_fault_codes[q->fault]);
    }
    return o->status == 200;
}

static struct px_str visible(struct px_str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~') {
            s.n = 0;
        }
    }
    return s.n > RECORD_TEXT_MAX || px_str_is(s, "-") ? (struct px_str){.n = 0} : s;
}

static enum book_class class_of(enum load_state state) {
    switch (state) {
    case LOAD_ACKED:
        return BOOK_OK;
    case LOAD_REFUSED:
    case LOAD_BUSY:
    case LOAD_UNREACHABLE:
        return BOOK_NO;
    case LOAD_UNSENT:
    case LOAD_SENT:
    case LOAD_UNKNOWN:
    case LOAD_UNANSWERED:
    case LOAD_STRANGE:
        break;
    }
    return BOOK_MAYBE;
}

static void book_it(struct record *r, uint32_t i, const struct outcome *o) {
    if (r->book.fd < 0) {
        return;
    }
    book_outcome(&r->book, &(struct book_outcome){.n = i + (uint64_t)1,
                                                  .at = px_wall(&px_clock_system),
                                                  .class = class_of(o->state),
                                                  .status = o->status,
                                                  .event_id = visible(o->event_id),
                                                  .received = visible(o->received),
                                                  .code = visible(o->code)});
}

static void measure(struct load_run *run, const struct outcome *o) {
    if (o->target == LOAD_NONE) {
        return;
    }
    struct load_target_stats *t = &run->targets[o->target];
    t->acked += o->state == LOAD_ACKED;
    t->unanswered += o->state == LOAD_UNANSWERED;
    if (o->state == LOAD_ACKED) {
        histogram_add(&run->latency, o->latency);
        histogram_add(&t->service, o->service);
    }
}

static void acked(struct record *r, struct load_request *q, const struct outcome *o, bool *good) {
    struct px_uuid id;

    if (!px_parse_instant(o->received, &q->at) || !px_uuid_parse(o->event_id, &id)) {
        *good = false;
    } else if (r->ids >= 0) {
        px_buf_str(&r->ids_text, o->event_id);
        px_buf_byte(&r->ids_text, '\n');
    }
}

void record_outcome(struct record *r, uint32_t i, const struct outcome *o) {
    struct load_request *q = &r->run->v[i];
    bool good = o->status == 0 || is_expected(q, o);

    q->state = (uint8_t)o->state;
    if (o->state == LOAD_ACKED) {
        acked(r, q, o, &good);
    }
    measure(r->run, o);
    book_it(r, i, o);
    if (!good && r->run->unexpected++ == 0) {
        struct px_str code = visible(o->code);
        (void)snprintf(r->run->first_strange, sizeof r->run->first_strange,
                       "status %d code %.*s for request %u (kind %u fault %u)", o->status,
                       PX_S_ARG(code), i + 1, q->kind, q->fault);
    }
}
