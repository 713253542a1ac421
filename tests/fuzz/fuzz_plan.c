/* A record by another writer's schema: the text of the schema, 0xff, the bytes of the body. What is
 * read is an event that our own schema holds, and reading by a schema that is said to be the same
 * as ours gives what reading by ours gives. */
#include "fuzz.h"

#include <px/event_avro.h>

#define MAX (1 << 20)

static void check_round(const struct px_event *e, struct px_arena *arena) {
    PX_DEFER(px_buf_fini) struct px_buf bytes = PX_BUF_INIT(4 * MAX);
    struct px_event again;
    int reason = -1;
    px_event_to_avro(e, &bytes);
    FUZZ_CHECK(px_buf_ok(&bytes, NULL) == PX_OK);
    FUZZ_CHECK(!px_event_from_avro(px_buf_view(&bytes), arena, &again, &reason, NULL));
    FUZZ_CHECK(px_event_equal(e, &again));
}

static void check_body(const struct px_event_plan *plan, struct px_str body) {
    PX_DEFER(px_arena_fini) struct px_arena arena;
    struct px_event e, ours;
    px_arena_init(&arena, 4 * MAX);
    enum px_code rc = px_event_read(plan, body, &arena, &e, NULL);
    if (px_event_plan_same(plan)) {
        enum px_code rc2 = px_event_read(NULL, body, &arena, &ours, NULL);
        FUZZ_CHECK(rc == rc2);
        FUZZ_CHECK(rc || px_event_equal(&e, &ours));
    }
    if (!rc) {
        check_round(&e, &arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct px_str body = {.p = (const char *)data, .n = size};
    struct px_str schema = fuzz_text(&body);
    struct px_event_plan *plan = NULL;
    if (px_event_plan_new(schema, &plan, NULL) == PX_OK) {
        check_body(plan, body);
        px_event_plan_free(plan);
    }
    return 0;
}
