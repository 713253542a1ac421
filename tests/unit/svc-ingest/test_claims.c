/* What an event says of its sender itself, put into its fields or refused. */
#include "unit.h"

#include "handle.h"

static struct ing_worker w;
static struct ing_request rq;
static const struct ing_conf conf = {.client_time = ING_CLIENT_TIME_KEYED};
static const struct ing_world world = {.conf = &conf};
static const struct px_server_key key = {.client = "billing", .scopes = PX_SCOPE_IP};

static void open_worker(size_t memory) {
    w = (struct ing_worker){.world = &world};
    rq = (struct ing_request){.sender = {.key = &key}, .fields = &w.scratch.fields};
    px_arena_init(&w.scratch.arena, memory);
    assert_int_equal(ing_address_init(&w.finder.address, &conf, NULL), PX_OK);
    assert_true(px_addr_parse(PX_S("198.51.100.7"), &rq.sender.client));
    rq.sender.address = ing_address_kept(&w.finder.address, &rq.sender.client);
    rq.fields->raw.source_ip = PX_S("203.0.113.9");
}

static void test_claims_are_taken_by_scope(void **state PX_UNUSED) {
    const struct ing_fields *f = &w.scratch.fields;
    open_worker(4096);
    rq.fields->raw.timestamp = PX_S("2026-01-01T00:00:00Z");

    assert_int_equal(ing_claims_stamp(&w, &rq), PX_OK);

    assert_true(px_str_is(f->raw.source_ip, "203.0.113.0/24"));
    assert_true(px_str_is(rq.sender.address, "198.51.100.0/24"));
    assert_int_equal(f->early.nissues, 1);
    assert_int_equal(f->early.issues[0].reason, PX_REASON_MISSING_SCOPE);
    assert_string_equal(f->early.issues[0].field, "timestamp");
    px_arena_fini(&w.scratch.arena);
}

/* An event without the address that its server named would be another event. */
static void test_claims_are_not_left_out_without_memory(void **state PX_UNUSED) {
    open_worker(8);

    assert_int_equal(ing_claims_stamp(&w, &rq), PX_NOMEM);

    px_arena_fini(&w.scratch.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims_are_taken_by_scope),
        cmocka_unit_test(test_claims_are_not_left_out_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
