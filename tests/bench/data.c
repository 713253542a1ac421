/* Generates events for the benchmarks: see data.h. */
#include "data.h"
#include "bench.h"

#include <px/jsonw.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define START (INT64_C(1767225600) * PX_US_PER_S) /* 2026-01-01T00:00:00Z */

static const char agent[] =
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

void bench_data_init(struct bench_data *d, uint64_t seed) {
    *d = (struct bench_data){.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1,
                             .players = 200000,
                             .banners = 50,
                             .at = START,
                             .step = 1000,
                             .repeats = 50,
                             .client_ids = 300};
}

/* SplitMix64. */
uint64_t bench_data_next(struct bench_data *d) {
    uint64_t z = (d->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static PX_PRINTF(2, 3) struct px_str text(struct px_arena *a, const char *fmt, ...) {
    char s[80];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(s, sizeof s, fmt, args);
    va_end(args);
    return px_arena_dup(a, (struct px_str){.p = s, .n = (size_t)n});
}

/* u * u: a few players send much, most send little. */
static uint64_t pick_player(struct bench_data *d) {
    double u = (double)(bench_data_next(d) >> 11) / 9007199254740992.0;
    return (uint64_t)(u * u * (double)d->players);
}

/* player, banner and type in one number, so that a repeat is the number again. */
static uint64_t pick(struct bench_data *d) {
    size_t slot = d->made % PX_ARRAY_LEN(d->recent);
    uint64_t r = bench_data_next(d);
    if (d->made >= PX_ARRAY_LEN(d->recent) && r % 1000 < d->repeats) {
        return d->recent[(r >> 32) % PX_ARRAY_LEN(d->recent)];
    }
    uint64_t kind = (r >> 10) % 100;
    uint64_t type = kind < 80 ? 0 : kind < 95 ? 1 : 2;
    uint64_t v = (pick_player(d) * d->banners + (r >> 20) % d->banners) * 3 + type;
    d->recent[slot] = v;
    return v;
}

static size_t attrs(struct bench_data *d, uint64_t type, struct px_raw_attr *v,
                    struct px_arena *a) {
    uint64_t r = bench_data_next(d);
    v[0] = (struct px_raw_attr){
        .name = PX_S("s"), .kind = PX_ATTR_TEXT, .text = text(a, "campaign-%03" PRIu64, r % 500)};
    v[1] = (struct px_raw_attr){
        .name = PX_S("b"), .kind = PX_ATTR_TEXT, .text = text(a, "b-%016" PRIx64, r)};
    if (type != 2) {
        return 2;
    }
    v[2] = (struct px_raw_attr){
        .name = PX_S("amountMinor"), .kind = PX_ATTR_INT, .i = (int64_t)(r >> 40)};
    v[3] =
        (struct px_raw_attr){.name = PX_S("currency"), .kind = PX_ATTR_TEXT, .text = PX_S("EUR")};
    return 4;
}

struct px_raw_event bench_data_raw(struct bench_data *d, struct px_arena *arena) {
    static const struct px_str types[] = {PX_S_INIT("visit"), PX_S_INIT("registration"),
                                          PX_S_INIT("deposit")};
    uint64_t what = pick(d);
    uint64_t r = bench_data_next(d);
    struct px_raw_attr *v = px_arena_alloc(arena, 4 * sizeof *v);
    if (!v) {
        bench_die("data", "no memory");
    }
    struct px_raw_event raw = {.event_type = types[what % 3],
                               .player_id = text(arena, "player-%08" PRIu64, what / 3 / d->banners),
                               .banner_tag =
                                   text(arena, "banner-%02" PRIu64, what / 3 % d->banners),
                               .attrs = v,
                               .nattrs = attrs(d, what % 3, v, arena),
                               .source_ip = PX_S("203.0.113.7"),
                               .user_agent = px_str_c(agent),
                               .traffic_class = PX_S("human")};
    if (r % 1000 < d->client_ids) {
        raw.client_event_id = text(arena, "evt-%016" PRIx64, r);
    }
    d->made++;
    return raw;
}

struct px_event bench_data_event(struct bench_data *d, const struct px_catalog *cat,
                                 struct px_arena *arena) {
    static const struct px_validate_policy policy = {.max_age = 3 * PX_US_PER_DAY,
                                                     .max_future = 5 * PX_US_PER_MIN};
    struct px_raw_event raw = bench_data_raw(d, arena);
    struct px_validate_args args = {.catalog = cat, .policy = &policy, .arena = arena};
    struct px_event e = {.id = px_uuid_next(&d->uuid, d->at), .received_at = d->at};
    struct px_verdict verdict = {.nissues = 0};
    if (px_validate(&args, &raw, &e, &verdict) != PX_OK) {
        bench_die("data", verdict.nissues ? verdict.issues[0].field : "no memory");
    }
    d->at += d->step;
    return e;
}

void bench_data_json(const struct px_raw_event *raw, struct px_buf *out) {
    struct px_jsonw w = px_jsonw_on(out);
    px_jw_obj(&w);
    px_jw_kstr(&w, "eventType", raw->event_type);
    px_jw_kstr(&w, "playerId", raw->player_id);
    px_jw_kstr(&w, "bannerTag", raw->banner_tag);
    px_jw_kc(&w, "eventId", "3f1c9f5e-6a0b-4f57-9d1e-0a6f5e2b7c11");
    px_jw_kc(&w, "sessionId", "session-000001");
    px_jw_key(&w, "attributes");
    px_jw_obj(&w);
    for (size_t i = 0; i < raw->nattrs; i++) {
        px_jw_key_s(&w, raw->attrs[i].name);
        if (raw->attrs[i].kind == PX_ATTR_INT) {
            px_jw_i64(&w, raw->attrs[i].i);
        } else {
            px_jw_str(&w, raw->attrs[i].text);
        }
    }
    px_jw_obj_end(&w);
    px_jw_obj_end(&w);
}

struct px_catalog *bench_catalog(void) {
    struct px_catalog *c = NULL;
    struct px_err err = PX_ERR_INIT;
    if (px_catalog_load("schemas/events.yaml", &c, &err) != PX_OK) {
        bench_die("schemas/events.yaml", err.msg);
    }
    return c;
}
