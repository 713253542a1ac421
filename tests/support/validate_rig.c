/* A catalog, a policy and an arena around px_validate, for the tests of validation. */
#include "validate_rig.h"

#include "model_fixture.h"
#include "unit.h"

void vrig_init(struct validate_rig *g, const char *events) {
    *g = (struct validate_rig){
        .cat = model_catalog(events),
        .policy = {.max_age = 30 * PX_US_PER_DAY, .max_future = 5 * PX_US_PER_MIN},
    };
    px_arena_init(&g->arena, 1 << 20);
    g->args =
        (struct px_validate_args){.catalog = g->cat, .policy = &g->policy, .arena = &g->arena};
}

void vrig_fini(struct validate_rig *g) {
    px_arena_fini(&g->arena);
    px_catalog_free(g->cat);
}

int vrig_setup(void **state) {
    static struct validate_rig g;
    vrig_init(&g, MODEL_EVENTS);
    *state = &g;
    return 0;
}

int vrig_teardown(void **state) {
    vrig_fini(*state);
    return 0;
}

struct px_raw_event vrig_plain(void) {
    return (struct px_raw_event){.event_type = PX_S("visit"),
                                 .player_id = PX_S("player_12345"),
                                 .banner_tag = PX_S("spring")};
}

enum px_code vrig_judge(struct validate_rig *g, const struct px_raw_event *raw) {
    g->verdict = (struct px_verdict){.nissues = 0};
    g->event = (struct px_event){.received_at = VRIG_NOW};
    g->event.id.b[15] = 7;
    return px_validate(&g->args, raw, &g->event, &g->verdict);
}

void vrig_expect(const struct validate_rig *g, size_t i, enum px_reason reason, const char *field) {
    if (i >= g->verdict.nissues) {
        fail_msg("no issue %zu: %s %s", i, field, px_reason_code(reason));
    }
    assert_string_equal(g->verdict.issues[i].field, field);
    assert_string_equal(px_reason_code(g->verdict.issues[i].reason), px_reason_code(reason));
}
