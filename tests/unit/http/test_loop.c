/* px_loop: posts from many threads arrive once and in order, timers and watches fire, the
 * after-hook runs once per turn, and the clock stands still within a turn. */
#include "unit.h"

#include <px/loop.h>
#include <px/mem.h>

#include <pthread.h>
#include <unistd.h>

#define POSTERS 4
#define POSTS   20000

struct count {
    struct px_loop *loop;
    size_t total;
    size_t next[POSTERS]; /* the post expected next from each thread */
    bool disorder;
};
struct letter {
    struct count *to;
    size_t from, number;
};
struct poster {
    struct letter *letters;
    struct px_loop *loop;
};

static void on_letter(void *arg) {
    const struct letter *l = arg;
    struct count *c = l->to;
    c->disorder = c->disorder || c->next[l->from] != l->number;
    c->next[l->from]++;
    if (++c->total == (size_t)POSTERS * POSTS) {
        px_loop_stop(c->loop);
    }
}

static void *post_all(void *arg) {
    const struct poster *p = arg;
    for (size_t i = 0; i < POSTS; i++) {
        assert_int_equal(px_loop_post(p->loop, PX_CALL(on_letter, &p->letters[i])), PX_OK);
    }
    return NULL;
}

static struct px_loop *new_loop(void) {
    struct px_loop *l = NULL;
    assert_int_equal(px_loop_new(&l, NULL), PX_OK);
    return l;
}

static void test_loop_posts_arrive_once_and_in_order(void **state) {
    struct count c = {.loop = new_loop()};
    struct letter *letters = px_calloc2((size_t)POSTERS * POSTS, sizeof(*letters));
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    (void)state;
    for (size_t i = 0; i < (size_t)POSTERS * POSTS; i++) {
        letters[i] = (struct letter){.to = &c, .from = i / POSTS, .number = i % POSTS};
    }
    for (size_t i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.letters = letters + i * POSTS, .loop = c.loop};
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
    }

    px_loop_run(c.loop);

    for (size_t i = 0; i < POSTERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(c.next[i], POSTS);
    }
    assert_false(c.disorder);
    px_loop_free(c.loop);
    px_free(letters);
}

struct chain {
    struct px_loop *loop;
    int left;
};

static void on_chain(void *arg) {
    struct chain *c = arg;
    if (--c->left == 0) {
        px_loop_stop(c->loop);
    } else {
        assert_int_equal(px_loop_post(c->loop, PX_CALL(on_chain, c)), PX_OK);
    }
}

static void test_loop_a_call_may_post_the_next(void **state) {
    struct chain c = {.loop = new_loop(), .left = 1000};
    (void)state;
    assert_int_equal(px_loop_post(c.loop, PX_CALL(on_chain, &c)), PX_OK);

    px_loop_run(c.loop);

    assert_int_equal(c.left, 0);
    px_loop_free(c.loop);
}

static void test_loop_stop_before_run_and_run_again(void **state) {
    struct chain c = {.loop = new_loop(), .left = 1};
    (void)state;
    px_loop_stop(c.loop);
    px_loop_run(c.loop);
    assert_int_equal(px_loop_post(c.loop, PX_CALL(on_chain, &c)), PX_OK);

    px_loop_run(c.loop);

    assert_int_equal(c.left, 0);
    px_loop_free(c.loop);
}

static void test_loop_posts_that_never_ran_are_freed(void **state) {
    struct chain c = {.loop = new_loop(), .left = 1};
    (void)state;
    assert_int_equal(px_loop_post(c.loop, PX_CALL(on_chain, &c)), PX_OK);

    px_loop_free(c.loop);

    assert_int_equal(c.left, 1);
}

struct ticks {
    struct px_loop *loop;
    struct px_timer *timer;
    int n, turns;
    px_us seen[2];
};

static void on_tick(void *arg) {
    struct ticks *t = arg;
    if (++t->n == 3) {
        px_timer_free(t->timer); /* inside its own callback */
        t->timer = NULL;
        px_loop_stop(t->loop);
    }
}

static void on_turn(void *arg) {
    struct ticks *t = arg;
    t->turns++;
}

static void test_loop_timer_repeats_and_the_hook_follows(void **state) {
    struct ticks t = {.loop = new_loop()};
    (void)state;
    assert_int_equal(px_timer_new(t.loop, 2000, PX_CALL(on_tick, &t), &t.timer, NULL), PX_OK);
    px_loop_after(t.loop, PX_CALL(on_turn, &t));

    px_loop_run(t.loop);

    assert_int_equal(t.n, 3);
    assert_in_range(t.turns, 3, 4); /* three ticks, and the wake of stop may be a turn of its own */
    px_loop_free(t.loop);
}

static void spin_clock(void *arg) {
    struct ticks *t = arg;
    t->seen[0] = px_loop_now(t->loop);
    for (volatile int i = 0; i < 3000000; i++) {
    }
    t->seen[1] = px_loop_now(t->loop);
    px_loop_stop(t->loop);
}

static void test_loop_clock_stands_still_within_a_turn(void **state) {
    struct ticks t = {.loop = new_loop()};
    (void)state;
    assert_int_equal(px_loop_post(t.loop, PX_CALL(spin_clock, &t)), PX_OK);

    px_loop_run(t.loop);

    assert_true(t.seen[0] == t.seen[1]);
    assert_true(px_loop_now(t.loop) > t.seen[1]);
    px_loop_free(t.loop);
}

struct pipe_end {
    struct px_loop *loop;
    struct px_watch *watch;
    int fd[2];
    size_t n;
};

static void on_byte(void *arg) {
    struct pipe_end *p = arg;
    char c;
    assert_int_equal(read(p->fd[0], &c, 1), 1);
    if (++p->n == 5) {
        px_watch_free(p->watch);
        p->watch = NULL;
        px_loop_stop(p->loop);
    }
}

static void test_loop_watch_fires_while_readable(void **state) {
    struct pipe_end p = {.loop = new_loop()};
    (void)state;
    assert_int_equal(pipe(p.fd), 0);
    assert_int_equal(write(p.fd[1], "12345", 5), 5);
    assert_int_equal(px_watch_new(p.loop, p.fd[0], PX_CALL(on_byte, &p), &p.watch, NULL), PX_OK);

    px_loop_run(p.loop);

    assert_int_equal(p.n, 5);
    close(p.fd[0]);
    close(p.fd[1]);
    px_loop_free(p.loop);
}

static void test_loop_watch_of_a_bad_descriptor_fails(void **state) {
    struct px_loop *l = new_loop();
    struct px_watch *w = NULL;
    struct px_err err = PX_ERR_INIT;
    int fd[2];
    (void)state;
    assert_int_equal(pipe(fd), 0);
    close(fd[0]);
    close(fd[1]);

    assert_int_equal(px_watch_new(l, fd[0], PX_CALL(on_tick, NULL), &w, &err), PX_UNAVAILABLE);

    assert_null(w);
    px_loop_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop_posts_arrive_once_and_in_order),
        cmocka_unit_test(test_loop_a_call_may_post_the_next),
        cmocka_unit_test(test_loop_stop_before_run_and_run_again),
        cmocka_unit_test(test_loop_posts_that_never_ran_are_freed),
        cmocka_unit_test(test_loop_timer_repeats_and_the_hook_follows),
        cmocka_unit_test(test_loop_clock_stands_still_within_a_turn),
        cmocka_unit_test(test_loop_watch_fires_while_readable),
        cmocka_unit_test(test_loop_watch_of_a_bad_descriptor_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
