/* The open loop: requests that are due go to a connection that is free, or wait for one, and their
 * waiting counts. */
#include "hostile.h"

#include <px/mem.h>

#define ASK_RING (1U << 20)

enum px_code ask_open(struct hostile *h, struct px_err *reterr) {
    h->due = px_calloc2(ASK_RING, sizeof *h->due);
    return h->due ? PX_OK : PX_FAIL(reterr, PX_NOMEM, "no memory for the requests that wait");
}

void ask_begin(struct hostile *h, struct link *k) {
    k->due = h->due[h->due_at];
    k->sent = h->now;
    k->owed = 1;
    h->due_at = (h->due_at + 1) % ASK_RING;
    h->due_n--;
    h->c.asked++;
    net_send(h, k, px_buf_view(&h->text));
}

void ask_idle(struct hostile *h, struct link *k) {
    if (h->due_n) {
        ask_begin(h, k);
        return;
    }
    k->idle = true;
    k->next = h->idle;
    h->idle = (uint32_t)(k - h->links);
}

void ask_answered(struct hostile *h, const struct link *k, int status) {
    struct histogram *to = status == 200 ? &h->c.ok : status == 503 ? &h->c.busy : &h->c.other;
    histogram_add(to, h->now - k->due);
}

static void ask_plan(struct hostile *h) {
    double passed = (double)(h->now - h->start) / 1e6;
    double wanted = passed * (double)h->conf.rate;

    while (!h->stopping && (double)h->planned < wanted) {
        px_us due = h->start + (px_us)((double)h->planned * 1e6 / (double)h->conf.rate);
        h->planned++;
        if (h->due_n == ASK_RING) {
            h->c.unsent++;
            continue;
        }
        h->due[(h->due_at + h->due_n++) % ASK_RING] = due;
    }
}

/* The one that was used last comes first: a client does so too, and others grow old. */
void ask_turn(struct hostile *h) {
    struct link *k;

    ask_plan(h);
    while (h->due_n && h->idle != HOSTILE_NONE) {
        k = &h->links[h->idle];
        h->idle = k->next;
        k->idle = false;
        ask_begin(h, k);
    }
    for (uint32_t i = 0; i < h->due_n && net_make_one(h, &k); i++) {
    }
}

void ask_overdue(struct hostile *h) {
    for (uint32_t i = 0; i < h->n; i++) {
        struct link *k = &h->links[i];
        bool waits = k->state == LINK_CONNECTING || k->owed;
        if (waits && h->now - k->sent > h->conf.timeout) {
            h->c.failed += k->state == LINK_CONNECTING;
            net_drop(h, k, true);
        }
    }
}
