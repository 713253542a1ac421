/* The rig of the aggregator's integration tests; see the header. */
#include "apply_rig.h"
#include "unit.h"

#include <px/event_avro.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
/* psqlODBC leaks a few hundred bytes per connection that dies under it; ours are still found. */
const char *__lsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void) {
    return "leak:psqlodbcw.so\n";
}
#endif

static void check(enum px_code code, const struct px_err *e) {
    if (code != PX_OK) {
        fail_msg("%s: %s (%s)", px_code_name(code), e->msg, e->where ? e->where : "");
    }
}

static void load(struct rig *r) {
    struct px_err e = PX_ERR_INIT;
    check(px_catalog_load("schemas/events.yaml", &r->catalog, &e), &e);
    check(px_rollups_load("schemas/rollups.yaml", r->catalog, &r->rollups, &e), &e);
    r->types =
        (struct px_labels){.v = px_catalog_names(r->catalog), .n = px_catalog_count(r->catalog)};
    check(agg_metrics_new(&r->types, r->defs, &r->metrics, &e), &e);
}

static void configure(struct rig *r) {
    r->conf.sql = r->db.conf;
    r->conf.sql.lock_timeout = 300 * PX_US_PER_MS;
    r->conf.batch_events = 1000;
    r->conf.batch_bytes = 1 << 20;
    r->conf.batch_delay = 200 * PX_US_PER_MS;
    r->conf.raw_store = true;
    r->conf.log_id = "";
}

void rig_core(struct rig *r, struct agg_core *core, const char *owner) {
    struct px_err e = PX_ERR_INIT;
    *core = (struct agg_core){.conf = &r->conf,
                              .catalog = r->catalog,
                              .rollups = r->rollups,
                              .zone = r->zone,
                              .clock = &r->clock.clock,
                              .status = &r->status,
                              .shard = px_metrics_shard(r->metrics, 0),
                              .topic = RIG_TOPIC,
                              .owner = owner};
    check(agg_core_init(core, &e), &e);
    snprintf(core->log_id, sizeof core->log_id, "%s", RIG_LOG);
    check(agg_core_connect(core, &e), &e);
}

void rig_open(struct rig *r, const struct px_dialect *d) {
    struct px_err e = PX_ERR_INIT;
    *r = (struct rig){0};
    sql_fixture_open(&r->db, d);
    px_clock_fake_init(&r->clock, RIG_NOON);
    agg_status_init(&r->status);
    load(r);
    configure(r);
    rig_core(r, &r->core, "first");
    struct agg_batch_limits limits = {
        .max_events = 1000, .max_bytes = 1 << 20, .max_delay = 200 * PX_US_PER_MS};
    check(agg_batch_init(&r->batch, &limits, &e), &e);
    check(rig_take(r, &r->core, 0, 0, &e), &e);
}

void rig_close(struct rig *r) {
    agg_batch_fini(&r->batch);
    agg_core_fini(&r->core);
    px_metrics_free(r->metrics);
    px_rollups_free(r->rollups);
    px_zone_free(r->zone);
    px_catalog_free(r->catalog);
    agg_status_fini(&r->status);
    sql_fixture_close(&r->db);
}

int rig_setup(void **state) {
    struct rig *r = calloc(1, sizeof *r);
    *state = r;
    rig_open(r, rig_dialect());
    return 0;
}

int rig_teardown(void **state) {
    struct rig *r = *state;
    rig_close(r);
    free(r);
    return 0;
}

enum px_code rig_take(struct rig *r, struct agg_core *core, int64_t low, int64_t high,
                      struct px_err *reterr) {
    struct agg_wanted w[RIG_PARTITIONS];
    for (int32_t i = 0; i < RIG_PARTITIONS; i++) {
        w[i] = (struct agg_wanted){
            .partition = i, .low = low, .high = high, .looked_at = px_wall(&r->clock.clock)};
    }
    struct agg_take t = {.log_id = core->log_id,
                         .w = w,
                         .n = RIG_PARTITIONS,
                         .now = px_wall(&r->clock.clock),
                         .record_gaps = r->conf.on_gap == AGG_GAP_RECORD};
    return agg_core_take(core, &t, reterr);
}

struct agg_item *rig_raw(struct rig *r, int32_t partition, struct px_str bytes) {
    struct px_err e = PX_ERR_INIT;
    const struct agg_decoder decoder = {.catalog = r->catalog, .zone = r->zone};
    const struct agg_part *p = agg_parts_find(&r->core.parts, partition);
    assert_non_null(p);
    struct agg_record rec = {.partition = partition,
                             .offset = r->offset[partition]++,
                             .key = PX_S("key"),
                             .value = bytes};
    struct agg_item *it = NULL;
    check(agg_batch_add(&r->batch, p->next, &rec, px_mono(&r->clock.clock), &it, &e), &e);
    if (it) {
        check(agg_decode(&decoder, it, &r->batch.arena, &e), &e);
    }
    return it;
}

struct agg_item *rig_add(struct rig *r, const struct rig_event *e) {
    return rig_add_at(r, e, 0);
}

struct agg_item *rig_add_at(struct rig *r, const struct rig_event *e, px_us occurred) {
    static const struct px_attr attrs[] = {
        {.name = PX_S_INIT("s"), .kind = PX_ATTR_TEXT, .text = PX_S_INIT("a \"quoted\" ü")}};
    struct px_event ev = {.event_type = px_str_c(e->type),
                          .player_id = px_str_c(e->player),
                          .banner_tag = px_str_c(e->banner),
                          .client_event_id = px_str_c(e->eid),
                          .received_at = px_wall(&r->clock.clock),
                          .occurred_at = occurred,
                          .attrs = attrs,
                          .nattrs = 1,
                          .source_ip = PX_S("192.0.2.1")};
    ev.id = px_uuid_next(&r->ids, ev.received_at);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 20);
    px_event_to_avro(&ev, &b);
    assert_int_equal(px_buf_ok(&b, NULL), PX_OK);
    return rig_raw(r, e->partition, px_buf_view(&b));
}

void rig_hole(struct rig *r, int32_t partition) {
    r->offset[partition]++;
}

static enum px_code put(void *arg, struct agg_item *item, struct px_err *reterr) {
    struct rig *r = arg;
    if (r->dlq_down) {
        return PX_FAIL(reterr, PX_UNAVAILABLE, "the dead-letter topic is down");
    }
    r->buried++;
    r->buried_offset = item->offset;
    return PX_OK;
}

enum px_code rig_try(struct rig *r, struct px_err *reterr) {
    struct agg_morgue morgue = {.put = put, .arg = r};
    struct agg_slice s = agg_batch_seal(&r->batch);
    return agg_settle(&r->core, &morgue, &s, &r->batch.arena, reterr);
}

void rig_settle(struct rig *r) {
    struct px_err e = PX_ERR_INIT;
    check(rig_try(r, &e), &e);
    agg_batch_reset(&r->batch);
}

void rig_ledger_holds(struct rig *r) {
    char out[4096];
    sql_text(r->db.s,
             "SELECT l.partition_id, l.next_offset - l.first_offset + l.rewound, l.counted + "
             "l.repeated + l.duplicate + l.conflict + l.excluded + l.late + l.erased + "
             "l.dead_lettered + l.hole + l.gap FROM partition_ledger l JOIN consumer_offsets o ON "
             "o.log_id = l.log_id AND o.topic = l.topic AND o.partition_id = l.partition_id WHERE "
             "l.next_offset <> o.next_offset OR l.next_offset - l.first_offset + l.rewound <> "
             "l.counted + l.repeated + l.duplicate + l.conflict + l.excluded + l.late + l.erased + "
             "l.dead_lettered + l.hole + l.gap",
             out, sizeof out);
    assert_string_equal(out, "");
    assert_int_equal(sql_int(r->db.s, "SELECT count(*) FROM partition_ledger"),
                     sql_int(r->db.s, "SELECT count(*) FROM consumer_offsets"));
}

void rig_expect(struct rig *r, const char *query, const char *want) {
    char out[4096];
    sql_text(r->db.s, query, out, sizeof out);
    if (strcmp(out, want) != 0) {
        fail_msg("%s\n  gave   %s\n  wanted %s", query, out, want);
    }
}

void rig_dump(struct rig *r, char *out, size_t cap) {
    static const char *const queries[] = {
        "SELECT id, player_id, event_type, banner_tag, metadata_json, source_ip, created_at, "
        "client_event_id, disposition, \"partition\", \"offset\" FROM events ORDER BY id",
        "SELECT * FROM daily_metrics ORDER BY 1, 2",
        "SELECT * FROM event_summary ORDER BY 1, 2, 3",
        "SELECT * FROM class_summary ORDER BY 1, 2, 3, 4, 5",
        "SELECT * FROM minute_summary ORDER BY 1, 2, 3",
        "SELECT * FROM players ORDER BY 1",
        "SELECT partition_id, next_offset, max_event_at FROM consumer_offsets ORDER BY 1",
        "SELECT * FROM partition_ledger ORDER BY 1, 2, 3",
        "SELECT * FROM dedupe_event ORDER BY 1, 2",
        "SELECT * FROM dedupe_day ORDER BY 1, 2, 3",
    };
    size_t n = 0;
    for (size_t i = 0; i < PX_ARRAY_LEN(queries); i++) {
        sql_text(r->db.s, queries[i], out + n, cap - n - 2);
        n += strlen(out + n);
        out[n++] = '\n';
        out[n] = '\0';
    }
}

static struct { const struct px_dialect *dialect; } rig_now;

const struct px_dialect *rig_dialect(void) {
    return rig_now.dialect;
}

int rig_each_dialect(int (*run)(const char *group)) {
    int failed = 0;
    for (size_t i = 0; sql_fixture_each(i); i++) {
        rig_now.dialect = px_dialect_get(i);
        const char *why = sql_fixture_why_not(rig_now.dialect);
        if (why) {
            printf("ok - %s # SKIP %s\n", rig_now.dialect->name, why);
            continue;
        }
        failed += run(rig_now.dialect->name);
    }
    return failed;
}
