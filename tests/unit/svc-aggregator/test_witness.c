/* Whose word counts about a day's raw rows. */
#include "unit.h"
#include "witness.h"

#define N 4

/* The three that may vouch, and one that may not. */
static const struct {
    const char *name;
    bool witness;
} tables[N] = {
    {"daily_metrics", true}, {"event_summary", true}, {"minute_summary", true}, {"mine", false}};

#define SILENT                                                                                     \
    { -1, -1 }

struct case_ {
    enum agg_day_state want;
    struct {
        int64_t stored, computed; /* SILENT = not asked */
    } says[N];
};

static const struct case_ cases[] = {
    {AGG_DAY_COMPLETE, {{9, 9}, {9, 9}, {9, 9}, SILENT}},
    {AGG_DAY_COMPLETE, {{0, 0}, {0, 0}, {0, 0}, {0, 0}}},
    {AGG_DAY_COMPLETE, {{0, 9}, {0, 9}, {0, 9}, {0, 9}}},  /* nobody knows more: fill in */
    {AGG_DAY_COMPLETE, {{9, 9}, {14, 9}, {9, 9}, SILENT}}, /* one too many, two agree    */
    {AGG_DAY_COMPLETE, {{9, 9}, {4, 9}, SILENT, {3, 9}}},  /* one has lost some          */
    {AGG_DAY_COMPLETE, {{9, 9}, {9, 9}, SILENT, {12, 9}}}, /* two agree against another  */
    {AGG_DAY_COMPLETE, {SILENT, {9, 9}, SILENT, {9, 9}}},  /* one is enough, undisputed  */
    {AGG_DAY_MISSING, {{9, 4}, {9, 4}, {9, 4}, {0, 4}}},   /* added later                */
    {AGG_DAY_MISSING, {{9, 4}, {12, 4}, {7, 4}, {4, 4}}},  /* by whatever number         */
    {AGG_DAY_MISSING, {SILENT, {9, 4}, SILENT, {0, 4}}},
    {AGG_DAY_MISSING, {SILENT, SILENT, SILENT, {9, 4}}},  /* anybody may accuse         */
    {AGG_DAY_DISPUTED, {{0, 4}, {9, 4}, {9, 4}, SILENT}}, /* one has lost its rows      */
    {AGG_DAY_DISPUTED, {{0, 0}, {9, 0}, {0, 0}, SILENT}}, /* to agree on nothing is no word */
    {AGG_DAY_DISPUTED, {{4, 4}, {9, 4}, SILENT, SILENT}},
    {AGG_DAY_DISPUTED, {{0, 4}, {0, 4}, {0, 4}, {9, 4}}},  /* all three did not count    */
    {AGG_DAY_UNVOUCHED, {SILENT, SILENT, SILENT, {4, 4}}}, /* nobody else may vouch      */
    {AGG_DAY_UNVOUCHED, {SILENT, SILENT, SILENT, SILENT}},
};

static void test_witness_words_are_judged(void **state) {
    (void)state;
    for (size_t i = 0; i < PX_ARRAY_LEN(cases); i++) {
        struct agg_words w = {.witnesses = 0};
        for (size_t k = 0; k < N; k++) {
            struct agg_recount rc = {.def = {.name = tables[k].name}, .witness = tables[k].witness};
            struct agg_tally t = {.sum_stored = {cases[i].says[k].stored},
                                  .sum_computed = {cases[i].says[k].computed}};
            if (t.sum_stored[0] >= 0) {
                agg_words_note(&w, &rc, &t);
            }
        }
        if (agg_words_judge(&w) != cases[i].want) {
            fail_msg("case %zu: %d, wanted %d", i, (int)agg_words_judge(&w), (int)cases[i].want);
        }
    }
}

static void test_witness_dispute_names_both_sides(void **state) {
    (void)state;
    struct agg_words w = {.witnesses = 0};
    const struct agg_recount less = {.def = {.name = "daily_metrics"}, .witness = true};
    const struct agg_recount more = {.def = {.name = "mine"}};
    agg_words_note(&w, &less, &(struct agg_tally){.sum_stored = {1}, .sum_computed = {2}});
    agg_words_note(&w, &more, &(struct agg_tally){.sum_stored = {3}, .sum_computed = {2}});

    assert_int_equal(agg_words_judge(&w), AGG_DAY_DISPUTED);
    assert_string_equal(w.less, "daily_metrics");
    assert_string_equal(w.more, "mine");
}

static void test_witness_is_who_was_there_from_the_first(void **state) {
    (void)state;
    struct px_rollup r = {.name = "event_summary", .table = "event_summary"};
    assert_true(agg_witness_is(&r, true));
    assert_false(agg_witness_is(&r, false)); /* somebody made it count some events only */
    r.table = "rollup_values";
    assert_false(agg_witness_is(&r, true));
    r = (struct px_rollup){.name = "class_summary", .table = "class_summary"};
    assert_false(agg_witness_is(&r, true));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_witness_words_are_judged),
        cmocka_unit_test(test_witness_dispute_names_both_sides),
        cmocka_unit_test(test_witness_is_who_was_there_from_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
