/* Requests from a seed: types, players, banners, repeats, duplicates, conflicts and faults in known
 * shares. Which earlier request one repeats depends on the seed only, never on answers. */
#include "load.h"

#include <math.h>
#include <stdio.h>

const char *const load_types[LOAD_TYPES] = {"visit", "registration", "deposit"};
const char *const load_fault_codes[LOAD_FAULTS] = {"missing_field",      "bad_escape",
                                                   "junk_value",         "email_address",
                                                   "unknown_event_type", "unknown_member"};

/* splitmix64 */
static uint64_t gen_bits(struct load_gen *g) {
    uint64_t z = g->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint32_t gen_below(struct load_gen *g, uint32_t n) {
    return (uint32_t)((gen_bits(g) >> 32) * n >> 32);
}

/* Log-uniform: the k-th most frequent value is about 1/k as frequent as the first. */
static uint32_t gen_skewed(struct load_gen *g, int64_t n) {
    double u = (double)(gen_bits(g) >> 11) / 9007199254740992.0;
    uint32_t v = (uint32_t)(pow((double)n + 1, u) - 1);
    return v < n ? v : (uint32_t)(n - 1);
}

void load_gen_init(struct load_gen *g, struct load_conf *conf) {
    g->conf = conf;
    g->state = conf->seed;
    g->plain.n = g->with_id.n = g->deposits.n = 0;
}

static void ring_put(struct load_ring *r, uint32_t i) {
    r->v[r->n++ % PX_ARRAY_LEN(r->v)] = i;
}

static const struct load_request *ring_pick(struct load_gen *g, const struct load_ring *r,
                                            const struct load_run *run) {
    uint32_t n = r->n < PX_ARRAY_LEN(r->v) ? r->n : (uint32_t)PX_ARRAY_LEN(r->v);
    return n ? &run->v[r->v[gen_below(g, n)]] : NULL;
}

static void gen_new(struct load_gen *g, const struct load_run *run, struct load_request *r) {
    uint32_t dice = gen_below(g, 100);
    r->type = dice < 85 ? 0 : dice < 95 ? 1 : 2;
    r->player = gen_skewed(g, g->conf->players);
    r->banner = (uint16_t)gen_skewed(g, g->conf->banners);
    r->json = gen_below(g, 5) == 0;
    /* Deposits always carry an id: whether one without counts as distinct would depend on which
     * of several came first. */
    r->with_id = r->type == 2 || gen_below(g, 2) == 0;
    r->origin = run->n;
    if (r->type == 2 && gen_below(g, 4) == 0) {
        const struct load_request *earlier = ring_pick(g, &g->deposits, run);
        if (earlier) { /* a second real deposit: same key, an id of its own */
            r->player = earlier->player;
            r->banner = earlier->banner;
        }
    }
}

static void gen_fault(struct load_gen *g, struct load_request *r) {
    r->kind = LOAD_INVALID;
    r->fault = (uint8_t)gen_below(g, LOAD_FAULTS);
    r->json = r->fault == LOAD_UNKNOWN_MEMBER;
}

/* Per mille: 30 identical pixels, 20 same ids, 5 conflicts, 20 faults, the rest new. */
uint32_t load_gen_next(struct load_gen *g, struct load_run *run) {
    struct load_request r = {.kind = LOAD_NEW};
    uint32_t dice = gen_below(g, 1000), i = run->n;
    enum load_kind kind = dice < 30   ? LOAD_AGAIN
                          : dice < 50 ? LOAD_SAME_ID
                          : dice < 55 ? LOAD_CONFLICT
                                      : LOAD_NEW;
    const struct load_request *earlier =
        kind == LOAD_NEW ? NULL : ring_pick(g, kind == LOAD_AGAIN ? &g->plain : &g->with_id, run);

    if (earlier) {
        r = *earlier;
        r.received = 0;
        r.latency = 0;
        r.status = 0;
        r.state = LOAD_UNSENT;
        r.retried = false;
        r.kind = (uint8_t)kind;
        r.variant = kind == LOAD_CONFLICT;
    } else {
        gen_new(g, run, &r);
        if (dice >= 980) {
            gen_fault(g, &r);
        } else {
            ring_put(r.with_id ? &g->with_id : &g->plain, i);
            if (r.type == 2) {
                ring_put(&g->deposits, i);
            }
        }
    }
    run->v[run->n++] = r;
    return i;
}

uint64_t load_key(const struct load_request *r) {
    return (uint64_t)r->player << 32 | (uint64_t)r->banner << 8 | r->type;
}

static void write_query(const struct load_run *run, const struct load_request *r,
                        struct px_buf *b) {
    const struct load_conf *c = &run->conf;
    const char *type =
        r->kind == LOAD_INVALID && r->fault == LOAD_UNKNOWN_TYPE ? "purchase" : load_types[r->type];

    px_buf_printf(b, "GET /api/pixel/%s?bannerTag=%s-b%02u", type, c->prefix, r->banner);
    if (r->kind != LOAD_INVALID || r->fault == LOAD_EMAIL || r->fault == LOAD_UNKNOWN_TYPE) {
        px_buf_printf(b, "&playerId=%s-p%u", c->prefix, r->player);
    } else if (r->fault == LOAD_BAD_ESCAPE) {
        px_buf_c(b, "&playerId=%zz");
    } else if (r->fault == LOAD_JUNK_ID) {
        px_buf_c(b, "&playerId=undefined");
    }
    px_buf_printf(
        b, r->kind == LOAD_INVALID && r->fault == LOAD_EMAIL ? "&s=a%%40b.example" : "&s=v%u",
        r->variant);
    if (r->with_id) {
        px_buf_printf(b, "&eid=%s-e%u", c->prefix, r->origin);
    }
    px_buf_printf(b, " HTTP/1.1\r\nHost: %s:%s\r\nUser-Agent: px-load\r\nAccept: image/*\r\n\r\n",
                  c->host, c->port);
}

static void write_json(const struct load_run *run, const struct load_request *r, struct px_buf *b) {
    const struct load_conf *c = &run->conf;
    PX_DEFER(px_buf_fini) struct px_buf body = PX_BUF_INIT(1024);

    px_buf_printf(&body, "{\"eventType\":\"%s\",\"playerId\":\"%s-p%u\",\"bannerTag\":\"%s-b%02u\"",
                  load_types[r->type], c->prefix, r->player, c->prefix, r->banner);
    if (r->with_id) {
        px_buf_printf(&body, ",\"eventId\":\"%s-e%u\"", c->prefix, r->origin);
    }
    if (r->kind == LOAD_INVALID) {
        px_buf_c(&body, ",\"metadata\":{}");
    }
    px_buf_printf(&body, ",\"attributes\":{\"s\":\"v%u\"}}", r->variant);
    px_buf_printf(b,
                  "POST /api/events HTTP/1.1\r\nHost: %s:%s\r\nUser-Agent: px-load\r\n"
                  "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                  c->host, c->port, body.n);
    px_buf_str(b, px_buf_view(&body));
}

void load_gen_write(const struct load_run *run, uint32_t i, struct px_buf *out) {
    const struct load_request *r = &run->v[i];

    px_buf_reset(out);
    if (r->json) {
        write_json(run, r, out);
    } else {
        write_query(run, r, out);
    }
}
