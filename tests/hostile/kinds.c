/* The kinds of clients: what each sends, and when. Text only; net.c moves the bytes. */
#include "hostile.h"

#include <stdio.h>

#define KINDS_BODY (200 * 1024) /* announced by those that do not send it, or not all of it */

#define KINDS_VISIT "GET /visit?playerId=hostile&bannerTag=hostile HTTP/1.1\r\nHost: hostile\r\n"
#define KINDS_POST                                                                                 \
    "POST /api/events HTTP/1.1\r\nHost: hostile\r\nContent-Type: application/json\r\n"

/* --- one byte at a time -------------------------------------------------------------------------
 */

static void drip(struct hostile *h, struct link *k) {
    if (k->rest.n == 0) {
        net_send(h, k, PX_S("x"));
    }
}

static void header_opened(struct hostile *h, struct link *k) {
    net_send(h, k, PX_S(KINDS_VISIT "X-Slow: "));
}

static void post_opened(struct hostile *h, struct link *k) {
    net_send(h, k, PX_S(KINDS_POST "Content-Length: 204800\r\n\r\n["));
}

/* --- all of it ----------------------------------------------------------------------------------
 */

static void text_opened(struct hostile *h, struct link *k) {
    net_send(h, k, px_buf_view(&h->text));
}

/* A whole pipeline, and again when all of it is answered. */
static void pipeline_opened(struct hostile *h, struct link *k) {
    k->owed = (uint32_t)h->conf.depth;
    k->due = k->sent = h->now;
    h->c.asked += k->owed;
    net_send(h, k, px_buf_view(&h->text));
}

static void pipeline_stroke(struct hostile *h, struct link *k) {
    if (k->owed == 0 && k->rest.n == 0) {
        pipeline_opened(h, k);
    }
}

static void used_opened(struct hostile *h, struct link *k) {
    k->owed = 1;
    k->due = k->sent = h->now;
    h->c.asked++;
    net_send(h, k, px_buf_view(&h->text));
}

static void read_stroke(struct hostile *h, struct link *k) {
    net_read(h, k, 1);
}

/* --- the table ----------------------------------------------------------------------------------
 */

static const struct hostile_kind kinds[] = {
    {.name = "idle", .what = "opens connections and says nothing"},
    {.name = "used", .what = "asks once, then keeps the connection", .opened = used_opened},
    {.name = "header",
     .what = "a header line that goes on, a byte in each --every (slowloris)",
     .opened = header_opened,
     .stroke = drip},
    {.name = "post",
     .what = "announces a large body and sends a byte in each --every",
     .opened = post_opened,
     .stroke = drip},
    {.name = "bulk", .what = "sends a large body but for its last byte", .opened = text_opened},
    {.name = "read",
     .what = "asks --depth times at once and reads a byte of the answers in each --every",
     .opened = text_opened,
     .stroke = read_stroke,
     .deaf = true},
    {.name = "pipeline",
     .what = "asks --depth times at once, reads, and begins anew in each --every",
     .opened = pipeline_opened,
     .stroke = pipeline_stroke},
    {.name = "vanish",
     .what = "connects, asks, and resets at once",
     .opened = text_opened,
     .vanishes = true},
    {.name = "ask",
     .what = "asks at --rate and waits for each answer: the polite one, or a flood",
     .asks = true},
};

const struct hostile_kind *hostile_kind_find(const char *name) {
    for (size_t i = 0; i < PX_ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

void hostile_kinds_print(void) {
    for (size_t i = 0; i < PX_ARRAY_LEN(kinds); i++) {
        printf("  %-9s %s\n", kinds[i].name, kinds[i].what);
    }
}

static void bulk_text(struct px_buf *b) {
    px_buf_printf(b, KINDS_POST "Content-Length: %d\r\n\r\n", KINDS_BODY);
    for (int i = 0; i < KINDS_BODY - 1; i++) {
        px_buf_byte(b, ' ');
    }
}

static void batch_text(struct px_buf *b, int64_t events) {
    PX_DEFER(px_buf_fini) struct px_buf body = PX_BUF_INIT(1 << 20);
    for (int64_t i = 0; i < events; i++) {
        px_buf_printf(
            &body, "%c{\"eventType\":\"visit\",\"playerId\":\"h%lld\",\"bannerTag\":\"hostile\"}",
            i ? ',' : '[', (long long)i);
    }
    px_buf_c(&body, "]");
    px_buf_printf(b, KINDS_POST "Content-Length: %zu\r\n\r\n", body.n);
    px_buf_str(b, px_buf_view(&body));
}

enum px_code kinds_text(struct hostile *h, struct px_err *reterr) {
    const struct hostile_conf *c = &h->conf;

    px_buf_init(&h->text, (size_t)16 << 20);
    if (strcmp(c->kind->name, "bulk") == 0) {
        bulk_text(&h->text);
    } else if (c->kind->asks && c->batch) {
        batch_text(&h->text, c->batch);
    } else {
        for (int64_t i = 0; i < (c->kind->asks ? 1 : c->depth); i++) {
            px_buf_c(&h->text, KINDS_VISIT);
            px_buf_c(&h->text, c->keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
        }
    }
    return px_buf_ok(&h->text, reterr);
}
