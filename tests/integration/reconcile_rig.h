/* A database whose days are cut in a zone with summer time, filled by the aggregator below Kafka,
 * with more rollups than the product has; and the commands of the real binary on it. */
#ifndef RECONCILE_RIG_H
#define RECONCILE_RIG_H

#include "apply_rig.h"
#include "service_rig.h"

#define DUMP_MAX (1 << 20)
#define OUT_MAX  (1 << 18)

struct book {
    struct rig rig;
    struct service_rig env;
    uint64_t seed;
    bool no_copies;
    char out[OUT_MAX], first[DUMP_MAX], now[DUMP_MAX];
};

/* For cmocka: *state is the struct book. */
int book_setup(void **state);
int book_teardown(void **state);

/* book_stream(b, n): ${n} events and more records, settled in batches: everything that can become
 * of an event, over the three days and a half around the end of summer time, whose night has 25
 * hours. b->seed decides which. */
void book_stream(struct book *b, size_t n);

/* book_add_table(b): from now on the commands know one more aggregation by day, banner_days, that
 * counts every counted event; nobody has written a row of it. book_forget_others: they know no
 * other any more. book_remember_others: they do again. */
void book_add_table(struct book *b);
void book_forget_others(struct book *b);
void book_remember_others(struct book *b);

/* EXPECT_RUN(b, status, args...): run svc-aggregator with up to three arguments; its output is then
 * in b->out. book_says: fails the test unless ${text} is in it. */
#define EXPECT_RUN(b, status, ...) book_run(b, status, (const char *const[3]){__VA_ARGS__})
void book_run(struct book *b, int status, const char *const args[3]);
void book_says(struct book *b, const char *text);

/* book_do_page(b, path, day): run the one SQL statement of a page; where it has an example's day,
 * ${day} is meant. */
void book_do_page(struct book *b, const char *path, const char *day);

/* book_dump(b, out): every table that events move. book_same: they are those of b->first. */
void book_dump(struct book *b, char *out);
void book_same(struct book *b);

#endif
