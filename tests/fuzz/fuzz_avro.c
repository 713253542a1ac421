/* Messages of the log. An event or a dead letter that is decoded comes back as the same bytes'
 * meaning when it is encoded, and as the same bytes from then on. */
#include "fuzz.h"

#include <px/event_avro.h>

#define MAX (1 << 20)

static void check_event(struct px_str in) {
    PX_DEFER(px_arena_fini) struct px_arena arena;
    PX_DEFER(px_buf_fini) struct px_buf once = PX_BUF_INIT(MAX);
    PX_DEFER(px_buf_fini) struct px_buf twice = PX_BUF_INIT(MAX);
    struct px_event e, e2;
    int reason = -1;
    px_arena_init(&arena, MAX);
    if (px_event_from_avro(in, &arena, &e, &reason, NULL)) {
        return;
    }
    FUZZ_CHECK(e.nattrs <= PX_EVENT_MAX_ATTRS && px_utf8_valid(e.player_id));
    px_event_to_avro(&e, &once);
    FUZZ_CHECK(px_buf_ok(&once, NULL) == PX_OK);
    FUZZ_CHECK(!px_event_from_avro(px_buf_view(&once), &arena, &e2, &reason, NULL));
    FUZZ_CHECK(px_event_equal(&e, &e2));
    px_event_to_avro(&e2, &twice);
    FUZZ_CHECK(px_str_eq(px_buf_view(&once), px_buf_view(&twice)));
}

static void check_letter(struct px_str in) {
    PX_DEFER(px_buf_fini) struct px_buf once = PX_BUF_INIT(MAX);
    PX_DEFER(px_buf_fini) struct px_buf twice = PX_BUF_INIT(MAX);
    struct px_dead_letter d, d2;
    if (px_dead_letter_from_avro(in, &d, NULL)) {
        return;
    }
    px_dead_letter_to_avro(&d, &once);
    FUZZ_CHECK(px_buf_ok(&once, NULL) == PX_OK);
    FUZZ_CHECK(!px_dead_letter_from_avro(px_buf_view(&once), &d2, NULL));
    FUZZ_CHECK(px_str_eq(d.reason, d2.reason) && px_str_eq(d.field, d2.field) &&
               px_str_eq(d.detail, d2.detail) && d.at == d2.at);
    FUZZ_CHECK(px_str_eq(d.topic, d2.topic) && d.partition == d2.partition &&
               d.offset == d2.offset && px_str_eq(d.log_id, d2.log_id));
    FUZZ_CHECK(px_str_eq(d.key, d2.key) && px_str_eq(d.payload, d2.payload));
    px_dead_letter_to_avro(&d2, &twice);
    FUZZ_CHECK(px_str_eq(px_buf_view(&once), px_buf_view(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct px_str in = {.p = (const char *)data, .n = size};
    check_event(in);
    check_letter(in);
    return 0;
}
