/* px-hostile: see hostile.h. The loop, and what it says at the end. */
#include "hostile.h"

#include <px/clock.h>
#include <px/jsonw.h>
#include <px/mem.h>

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define HOSTILE_LOOK (100 * PX_US_PER_MS)
/* What the rate allows is not saved up: after a pause of the machine no burst follows. */
#define HOSTILE_SAVED 64

static double hostile_cap(double v) {
    return v > HOSTILE_SAVED ? HOSTILE_SAVED : v;
}

/* One byte of each slow connection in each --every, evenly. */
static void hostile_strokes(struct hostile *h, double passed) {
    const struct hostile_kind *kind = h->conf.kind;

    if (!kind->stroke) {
        return;
    }
    h->strokes += passed * (double)h->n / (double)h->conf.every;
    h->strokes = h->strokes > h->n ? h->n : h->strokes;
    for (; h->strokes >= 1; h->strokes--) {
        struct link *k = &h->links[h->cursor];
        h->cursor = (h->cursor + 1) % h->n;
        if (k->state == LINK_OPEN) {
            kind->stroke(h, k);
        }
    }
}

static void hostile_said(struct hostile *h) {
    if (!h->told && h->open == h->n) {
        h->told = true;
        printf("ready %u\n", h->n);
        PX_IGNORE(fflush(stdout)); /* the end would show it */
    }
}

static bool hostile_ended(const struct hostile *h) {
    bool over = h->conf.duration && h->now >= h->start + h->conf.duration;
    return h->stopping || over;
}

static void hostile_work(struct hostile *h) {
    double passed = (double)(h->now - h->last);

    h->last = h->now;
    hostile_strokes(h, passed);
    if (!h->conf.kind->asks || (h->conf.keep_alive && !h->told)) {
        h->may_open += h->conf.kind->asks ? HOSTILE_SAVED : passed * (double)h->conf.rate / 1e6;
        h->may_open = hostile_cap(h->may_open);
        net_make(h);
    }
    hostile_said(h);
}

/* Asking kinds send what was due, and wait for the answers, as long as for any answer. */
static void hostile_wait(struct hostile *h) {
    px_us until = h->now + h->conf.timeout;
    uint32_t owed = 1;

    h->stopping = true;
    while ((owed || h->due_n) && h->now < until) {
        net_turn(h);
        ask_turn(h);
        owed = 0;
        for (uint32_t i = 0; i < h->n; i++) {
            owed += h->links[i].owed;
        }
    }
    h->c.unsent += h->due_n;
}

static void hostile_run(struct hostile *h) {
    px_us looked;

    h->now = h->start = h->last = looked = px_mono(&px_clock_system);
    while (!hostile_ended(h)) {
        net_turn(h);
        hostile_work(h);
        if (h->conf.kind->asks) {
            ask_turn(h);
        }
        if (h->conf.kind->asks && h->now - looked > HOSTILE_LOOK) {
            looked = h->now;
            ask_overdue(h);
        }
    }
    px_us took = h->now - h->start;
    if (h->conf.kind->asks) {
        hostile_wait(h);
    }
    h->last = took;
}

/* --- the summary --------------------------------------------------------------------------------
 */

static void hostile_times(struct px_jsonw *w, const char *name, const struct histogram *t) {
    px_jw_key(w, name);
    px_jw_obj(w);
    px_jw_ki64(w, "n", (int64_t)t->n);
    px_jw_ki64(w, "p50", histogram_at(t, 500000));
    px_jw_ki64(w, "p95", histogram_at(t, 950000));
    px_jw_ki64(w, "p99", histogram_at(t, 990000));
    px_jw_ki64(w, "max", t->max);
    px_jw_obj_end(w);
}

static int64_t hostile_cpu(void) {
    struct rusage u;
    if (getrusage(RUSAGE_SELF, &u)) {
        return 0;
    }
    return (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
           (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

static enum px_code hostile_print(const struct hostile *h, uint32_t open, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(64 * 1024);
    struct px_jsonw w = px_jsonw_on(&out);

    px_jw_obj(&w);
    px_jw_kc(&w, "kind", h->conf.kind->name);
    px_jw_ki64(&w, "ms", h->last / PX_US_PER_MS);
    px_jw_ki64(&w, "cpuMs", hostile_cpu());
    px_jw_ki64(&w, "open", open);
    px_jw_ki64(&w, "opened", (int64_t)h->c.opened);
    px_jw_ki64(&w, "failed", (int64_t)h->c.failed);
    px_jw_ki64(&w, "ended", (int64_t)h->c.ended);
    px_jw_ki64(&w, "reset", (int64_t)h->c.reset);
    px_jw_ki64(&w, "asked", (int64_t)h->c.asked);
    px_jw_ki64(&w, "lost", (int64_t)h->c.lost);
    px_jw_ki64(&w, "unsent", (int64_t)h->c.unsent);
    for (int s = 0; s < HOSTILE_STATUS; s++) {
        char name[16];
        (void)snprintf(name, sizeof name, "s%d", s);
        if (h->c.status[s]) {
            px_jw_ki64(&w, name, (int64_t)h->c.status[s]);
        }
    }
    hostile_times(&w, "okUs", &h->c.ok);
    hostile_times(&w, "busyUs", &h->c.busy);
    hostile_times(&w, "otherUs", &h->c.other);
    px_jw_obj_end(&w);
    enum px_code rc = px_buf_ok(&out, reterr);
    if (!rc) {
        printf("%.*s\n", (int)out.n, out.p);
    }
    return rc;
}

static enum px_code hostile_go(struct hostile *h, struct px_err *reterr) {
    enum px_code rc = net_open(h, reterr);

    rc = rc ? rc : kinds_text(h, reterr);
    rc = rc ? rc : ask_open(h, reterr);
    if (!rc) {
        hostile_run(h);
        rc = hostile_print(h, h->open, reterr);
    }
    net_close(h);
    px_buf_fini(&h->text);
    px_free(h->due);
    return rc;
}

int main(int argc, char **argv) {
    struct hostile *h = px_alloc(sizeof *h);
    struct px_err err = PX_ERR_INIT;
    sigset_t stop;
    int status = 0;

    if (!h) {
        return 70;
    }
    h->epoll = -1;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    if (hostile_options(&h->conf, argc, argv, &status)) {
        h->signals = signalfd(-1, &stop, SFD_CLOEXEC);
        if (hostile_go(h, &err)) {
            fprintf(stderr, "px-hostile: %s\n", err.msg);
            status = px_code_exit(err.code);
        }
        close(h->signals);
    }
    px_free(h);
    return status;
}
