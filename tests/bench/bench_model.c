/* The pure steps of an event, each alone and over the same 5,000 events: judge, encode, read JSON,
 * decode, keys, fold. No I/O; CPU time of this thread. */
#include "bench.h"
#include "data.h"

#include <px/buf.h>
#include <px/event_avro.h>
#include <px/json.h>
#include <px/rollup.h>

#include <cjson/cJSON.h>
#include <openssl/sha.h>
#include <stdio.h>

#define EVENTS ((size_t)5000)
#define TURNS  10 /* passes over the events in one repetition */

struct model {
    struct px_catalog *catalog;
    struct px_rollups *rollups;
    struct px_arena data, scratch;
    struct px_raw_event raw[EVENTS];
    struct px_event events[EVENTS];
    struct px_classified classified[EVENTS];
    struct px_str avro[EVENTS], json[EVENTS];
    struct px_str batch; /* 500 events as one JSON body */
    struct px_event_plan *other;
    struct px_buf out;
};

static void must(enum px_code rc, const char *what) {
    if (rc != PX_OK) {
        bench_die(what, px_code_name(rc));
    }
}

/* --- the steps ------------------------------------------------------------------------------- */
static void validate(struct model *m) {
    static const struct px_validate_policy policy = {.max_age = 3 * PX_US_PER_DAY,
                                                     .max_future = 5 * PX_US_PER_MIN};
    struct px_validate_args args = {.catalog = m->catalog, .policy = &policy, .arena = &m->scratch};
    for (size_t i = 0; i < EVENTS; i++) {
        struct px_event e = {.id = m->events[i].id, .received_at = m->events[i].received_at};
        struct px_verdict verdict = {.nissues = 0};
        must(px_validate(&args, &m->raw[i], &e, &verdict), "validate");
        bench_use(&e);
        px_arena_reset(&m->scratch);
    }
}

static void encode(struct model *m) {
    for (size_t i = 0; i < EVENTS; i++) {
        px_buf_reset(&m->out);
        px_event_to_avro(&m->events[i], &m->out);
        bench_use(m->out.p);
    }
}

static void decode(struct model *m) {
    px_arena_reset(&m->scratch);
    for (size_t i = 0; i < EVENTS; i++) {
        struct px_event e;
        int reason = 0;
        must(px_event_from_avro(m->avro[i], &m->scratch, &e, &reason, NULL), "decode");
        bench_use(&e);
    }
}

/* The same bytes by a schema that is not ours: it ends with a field that takes none. */
static void decode_other(struct model *m) {
    px_arena_reset(&m->scratch);
    for (size_t i = 0; i < EVENTS; i++) {
        struct px_event e;
        struct px_str body;
        uint32_t id = 0;
        must(px_wire_get(m->avro[i], &id, &body) ? PX_OK : PX_POISON, "frame");
        must(px_event_read(m->other, body, &m->scratch, &e, NULL), "decode by another schema");
        bench_use(&e);
    }
}

static void json_single(struct model *m) {
    for (size_t i = 0; i < EVENTS; i++) {
        struct px_json *j = NULL;
        must(px_json_parse(m->json[i], 64 << 10, &j, NULL), "json");
        bench_use(j);
        px_json_free(j);
    }
}

static void cjson_single(struct model *m) {
    for (size_t i = 0; i < EVENTS; i++) {
        cJSON *j = cJSON_ParseWithLength(m->json[i].p, m->json[i].n);
        bench_use(j);
        cJSON_Delete(j);
    }
}

static void json_batch(struct model *m) {
    for (size_t i = 0; i < EVENTS / 500; i++) {
        struct px_json *j = NULL;
        must(px_json_parse(m->batch, 256 << 10, &j, NULL), "json batch");
        bench_use(j);
        px_json_free(j);
    }
}

static void cjson_batch(struct model *m) {
    for (size_t i = 0; i < EVENTS / 500; i++) {
        cJSON *j = cJSON_ParseWithLength(m->batch.p, m->batch.n);
        bench_use(j);
        cJSON_Delete(j);
    }
}

static void natural_key(struct model *m) {
    for (size_t i = 0; i < EVENTS; i++) {
        const struct px_classified *c = &m->classified[i];
        struct px_key128 k = px_dedupe_natural_key(c->event, c->type, c->day);
        bench_use(&k);
    }
}

static void client_key(struct model *m) {
    for (size_t i = 0; i < EVENTS; i++) {
        struct px_key128 k = px_dedupe_client_key(&m->events[i]);
        int64_t f = px_dedupe_fingerprint(&m->events[i]);
        bench_use(&k);
        bench_use(&f);
    }
}

/* What no key can be cheaper than: one SHA-256 block by OpenSSL, without a tuple to build. */
static void sha_block(struct model *m) {
    uint8_t digest[32];
    for (size_t i = 0; i < EVENTS; i++) {
        (void)SHA256((const uint8_t *)m->avro[i].p, 55, digest);
        bench_use(digest);
    }
}

static void fold(struct model *m) {
    for (size_t r = 0; r < px_rollups_count(m->rollups); r++) {
        struct px_deltas d;
        px_arena_reset(&m->scratch);
        must(px_fold(px_rollups_get(m->rollups, r), m->classified, EVENTS, &m->scratch, &d),
             "fold");
        bench_use(d.v);
    }
}

/* --- data --------------------------------------------------------------------------------------
 */
static struct px_str kept(struct model *m) {
    must(px_buf_ok(&m->out, NULL), "data");
    struct px_str s = px_arena_dup(&m->data, px_buf_view(&m->out));
    px_buf_reset(&m->out);
    if (!s.p) {
        bench_die("data", "no memory");
    }
    return s;
}

/* Dispositions as in a day of traffic: most count, some repeat, some are duplicates. */
static void make_event(struct model *m, struct bench_data *d, size_t i) {
    struct bench_data same = *d; /* the raw form once more, from the same numbers */
    m->raw[i] = bench_data_raw(&same, &m->data);
    m->events[i] = bench_data_event(d, m->catalog, &m->data);
    unsigned r = (unsigned)(bench_data_next(d) % 100);
    m->classified[i] =
        (struct px_classified){.event = &m->events[i],
                               .type = px_catalog_find(m->catalog, m->events[i].event_type),
                               .day = (px_day)(m->events[i].received_at / PX_US_PER_DAY),
                               .disposition = r < 92   ? PX_COUNTED
                                              : r < 97 ? PX_REPEAT
                                                       : PX_DUPLICATE};
    px_event_to_avro(&m->events[i], &m->out);
    m->avro[i] = kept(m);
    bench_data_json(&m->raw[i], &m->out);
    m->json[i] = kept(m);
}

static void make_other(struct model *m) {
    static const char field[] = ", {\"name\": \"nothing\", \"type\": \"null\"}]}";
    FILE *f = fopen("schemas/avro/event.avsc", "re");
    char *to = f ? px_buf_reserve(&m->out, 1 << 16) : NULL;
    if (!to) {
        bench_die("data", "no schemas/avro/event.avsc: run from the top of the tree");
        return;
    }
    m->out.n += fread(to, 1, 1 << 16, f);
    fclose(f);
    while (m->out.n > 0 && m->out.p[m->out.n - 1] != ']') {
        m->out.n--;
    }
    m->out.n--;
    px_buf_c(&m->out, field);
    must(px_event_plan_new(kept(m), &m->other, NULL), "schema");
    if (px_event_plan_same(m->other)) {
        bench_die("data", "the other schema is ours");
    }
}

static void make(struct model *m) {
    struct bench_data d;
    bench_data_init(&d, 1);
    px_arena_init(&m->data, (size_t)256 << 20);
    px_arena_init(&m->scratch, (size_t)256 << 20);
    px_buf_init(&m->out, (size_t)16 << 20);
    m->catalog = bench_catalog();
    must(px_rollups_load("schemas/rollups.yaml", m->catalog, &m->rollups, NULL), "rollups");
    make_other(m);
    for (size_t i = 0; i < EVENTS; i++) {
        make_event(m, &d, i);
    }
    for (size_t i = 0; i < 500; i++) {
        px_buf_byte(&m->out, i ? ',' : '[');
        px_buf_str(&m->out, m->json[i]);
    }
    px_buf_byte(&m->out, ']');
    m->batch = kept(m);
}

static void fini(struct model *m) {
    px_event_plan_free(m->other);
    px_rollups_free(m->rollups);
    px_catalog_free(m->catalog);
    px_arena_fini(&m->data);
    px_arena_fini(&m->scratch);
    px_buf_fini(&m->out);
}

/* --- measuring ---------------------------------------------------------------------------------
 */
static double ns_per_event(struct model *m, void (*step)(struct model *)) {
    int64_t from = bench_cpu_thread();
    for (int i = 0; i < TURNS; i++) {
        step(m);
    }
    return (double)(bench_cpu_thread() - from) / (double)(TURNS * EVENTS);
}

struct step {
    const char *name;
    void (*run)(struct model *);
    const char *reference_name;
    void (*reference)(struct model *);
    double aim;
};

static const struct step steps[] = {
    {"validate one event", validate, NULL, NULL, 800},
    {"avro encode", encode, NULL, NULL, 400},
    {"avro decode", decode, NULL, NULL, 500},
    {"avro decode, another writer's schema", decode_other, "our own", decode, 1000},
    {"json gate and parse, one event", json_single, "cJSON alone", cjson_single, 1500},
    {"json gate and parse, of a batch of 500", json_batch, "cJSON alone", cjson_batch, 1500},
    {"natural key", natural_key, "SHA256() of 55 bytes", sha_block, 500},
    {"client key and fingerprint", client_key, "SHA256() of 55 bytes", sha_block, 1000},
    {"fold, four rollups, batch of 5000", fold, NULL, NULL, 800},
};

static void measure(struct model *m, const struct step *s) {
    struct bench_runs runs = {.n = 0};
    struct bench_runs reference = {.n = 0};
    (void)ns_per_event(m, s->run); /* warm */
    for (size_t i = 0; i < bench_reps(9); i++) {
        bench_add(&runs, ns_per_event(m, s->run));
        if (s->reference) {
            bench_add(&reference, ns_per_event(m, s->reference));
        }
    }
    struct bench_figure f = {.bench = "model",
                             .name = s->name,
                             .unit = "ns CPU/event",
                             .runs = &runs,
                             .reference_name = s->reference_name,
                             .reference = s->reference ? &reference : NULL,
                             .aim = s->aim,
                             .judged = true};
    bench_print(&f);
}

int main(void) {
    static struct model m;
    make(&m);
    for (size_t i = 0; i < PX_ARRAY_LEN(steps); i++) {
        measure(&m, &steps[i]);
    }
    fini(&m);
    return 0;
}
