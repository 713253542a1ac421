/* Who may be under way together: never two of an id, never two before their key is claimed; all
 * others at once, and nobody is forgotten. With the queue and the retries, which feed it. */
#include "order.h"
#include "retry.h"

#include <px/mem.h>

#include "unit.h"

#include <stdlib.h>

struct rig {
    struct load_run *run;
    struct order order;
    struct queue ready;
};

static void rig_open(struct rig *g, uint32_t cap) {
    *g = (struct rig){.ready = QUEUE_INIT};
    g->run = px_alloc(sizeof *g->run);
    assert_non_null(g->run);
    g->run->conf = (struct load_conf){.players = 100, .banners = 10};
    g->run->cap = cap;
    g->run->v = px_calloc2(cap, sizeof *g->run->v);
    assert_non_null(g->run->v);
    assert_int_equal(order_init(&g->order, g->run, cap), PX_OK);
}

static void rig_close(struct rig *g) {
    order_fini(&g->order);
    queue_fini(&g->ready);
    px_free(g->run->v);
    px_free(g->run);
}

static uint32_t enter(struct rig *g, struct load_request r) {
    uint32_t i = g->run->n++;
    g->run->v[i] = r;
    assert_int_equal(order_admit(&g->order, i, &g->ready), PX_OK);
    return i;
}

static void end(struct rig *g, uint32_t i, enum load_state state) {
    g->run->v[i].state = (uint8_t)state;
    assert_int_equal(order_done(&g->order, i, &g->ready), PX_OK);
}

static void pops(struct rig *g, uint32_t i) {
    assert_true(g->ready.n > 0);
    assert_int_equal(queue_pop(&g->ready), i);
}

static void test_order_first_of_a_key_goes_alone(void **state PX_UNUSED) {
    struct rig g;
    rig_open(&g, 16);
    uint32_t a = enter(&g, (struct load_request){.player = 1});
    uint32_t b = enter(&g, (struct load_request){.player = 1});
    uint32_t c = enter(&g, (struct load_request){.player = 1});
    uint32_t other = enter(&g, (struct load_request){.player = 2});
    pops(&g, a);
    pops(&g, other);
    assert_int_equal(g.ready.n, 0);
    assert_int_equal(g.order.waiting, 2);

    end(&g, a, LOAD_BUSY); /* not claimed: the next one tries, alone */
    pops(&g, b);
    assert_int_equal(g.ready.n, 0);
    end(&g, b, LOAD_ACKED); /* claimed: everybody goes */
    pops(&g, c);
    uint32_t d = enter(&g, (struct load_request){.player = 1});
    pops(&g, d);
    assert_int_equal(g.order.waiting, 0);
    end(&g, d, LOAD_ACKED);
    end(&g, c, LOAD_UNANSWERED);
    end(&g, other, LOAD_ACKED);
    assert_int_equal(g.order.locks.n, 0);
    rig_close(&g);
}

static void test_order_an_id_goes_alone_for_ever(void **state PX_UNUSED) {
    struct rig g;
    rig_open(&g, 16);
    struct load_request with_id = {.player = 1, .origin = 5, .with_id = true};
    struct load_request another = {.player = 1, .origin = 6, .with_id = true};
    uint32_t first = enter(&g, (struct load_request){.player = 1});
    uint32_t a = enter(&g, with_id), b = enter(&g, another), a2 = enter(&g, with_id);
    pops(&g, first);
    end(&g, first, LOAD_ACKED);
    pops(&g, a);
    pops(&g, b);
    assert_int_equal(g.ready.n, 0);
    end(&g, b, LOAD_ACKED);
    assert_int_equal(g.ready.n, 0);
    end(&g, a, LOAD_UNKNOWN);
    pops(&g, a2);
    end(&g, a2, LOAD_ACKED);
    assert_int_equal(g.order.locks.n, 0);
    rig_close(&g);
}

static void test_order_faults_wait_for_nobody(void **state PX_UNUSED) {
    struct rig g;
    rig_open(&g, 16);
    for (uint32_t i = 0; i < 3; i++) {
        pops(&g, enter(&g, (struct load_request){.kind = LOAD_INVALID}));
    }
    end(&g, 0, LOAD_REFUSED);
    rig_close(&g);
}

#define MANY 20000

/* Random traffic over few keys and ids with random fates: the two rules hold at every step, each
 * lock is passed on in the order of arrival, and everybody's turn comes. */
static void test_order_random(void **state PX_UNUSED) {
    static uint32_t key_busy[8], id_busy[64], last_of_id[64];
    static bool claimed[8];
    uint32_t under_way[40], n = 0, ended = 0;
    uint64_t x = 42;
    struct rig g;
    rig_open(&g, MANY);
    while (ended < MANY) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint32_t dice = (uint32_t)(x >> 33);
        if (g.run->n < MANY && dice % 2 && g.run->n - ended < 200) {
            uint32_t id = dice / 2 % 64;
            enter(&g, (struct load_request){.player = id % 8, .origin = id, .with_id = id >= 8});
            continue;
        }
        while (g.ready.n && n < PX_ARRAY_LEN(under_way)) {
            uint32_t i = under_way[n++] = queue_pop(&g.ready);
            const struct load_request *r = &g.run->v[i];
            assert_true(claimed[r->player] || key_busy[r->player] == 0);
            assert_true(!r->with_id || id_busy[r->origin] == 0);
            assert_true(!r->with_id || last_of_id[r->origin] <= i);
            last_of_id[r->origin] = i;
            key_busy[r->player]++;
            id_busy[r->origin]++;
        }
        if (n) {
            uint32_t at = dice % n, i = under_way[at];
            under_way[at] = under_way[--n];
            bool ok = dice % 7 == 0;
            key_busy[g.run->v[i].player]--;
            id_busy[g.run->v[i].origin]--;
            claimed[g.run->v[i].player] |= ok;
            end(&g, i, ok ? LOAD_ACKED : LOAD_BUSY);
            ended++;
        }
    }
    assert_int_equal(g.order.waiting, 0);
    assert_int_equal(g.order.locks.n, 0);
    rig_close(&g);
}

static void test_queue_is_first_in_first_out(void **state PX_UNUSED) {
    PX_DEFER(queue_fini) struct queue q = QUEUE_INIT;
    uint32_t in = 0, out = 0;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 100; i++) {
            assert_true(queue_push(&q, in++));
        }
        for (int i = 0; i < (round % 2 ? 150 : 30); i++) {
            assert_int_equal(queue_pop(&q), out);
            assert_true(queue_push_front(&q, out));
            assert_int_equal(queue_pop(&q), out++);
        }
    }
    assert_int_equal(q.n, in - out);
}

static void test_retry_comes_back_in_time(void **state PX_UNUSED) {
    PX_DEFER(retry_fini) struct retry r = RETRY_INIT;
    struct retry_entry e;
    uint64_t x = 9;
    assert_true(retry_next(&r) == INT64_MAX);
    assert_false(retry_due(&r, INT64_MAX, &e));
    for (uint32_t i = 0; i < 3000; i++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
        assert_true(retry_add(&r, (px_us)(x >> 50), i));
    }
    px_us last = 0;
    assert_false(retry_due(&r, retry_next(&r) - 1, &e));
    for (int i = 0; i < 3000; i++) {
        assert_true(retry_next(&r) >= last);
        last = retry_next(&r);
        assert_true(retry_due(&r, last, &e));
        assert_true(e.at == last);
    }
    assert_int_equal(r.n, 0);
}

static void test_retry_waits_longer_each_time(void **state PX_UNUSED) {
    static const px_us base_ms[] = {250, 500, 1000, 2000, 4000, 4000, 4000};
    struct retry r = RETRY_INIT;
    for (unsigned a = 0; a < PX_ARRAY_LEN(base_ms); a++) {
        px_us base = base_ms[a] * PX_US_PER_MS, least = INT64_MAX, most = 0;
        for (int i = 0; i < 1000; i++) {
            px_us w = retry_wait(&r, a + 1);
            least = w < least ? w : least;
            most = w > most ? w : most;
        }
        assert_true(least >= base * 3 / 4 && most <= base * 5 / 4);
        assert_true(least < base * 8 / 10 && most > base * 12 / 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_first_of_a_key_goes_alone),
        cmocka_unit_test(test_order_an_id_goes_alone_for_ever),
        cmocka_unit_test(test_order_faults_wait_for_nobody),
        cmocka_unit_test(test_order_random),
        cmocka_unit_test(test_queue_is_first_in_first_out),
        cmocka_unit_test(test_retry_comes_back_in_time),
        cmocka_unit_test(test_retry_waits_longer_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
