/* When an account is right, and what raw rows prove about one that is not. */
#include "accounts.h"
#include "unit.h"

#include <string.h>

/* 100 offsets: 60 counted, 20 repeats, 5 duplicates, 3 conflicts, 4 dead, 2 holes, a gap of 6. */
static struct agg_account right(void) {
    struct agg_account a = {.partition = 1,
                            .has_offset = true,
                            .has_book = true,
                            .next_offset = 110,
                            .recorded = 6,
                            .alone = true,
                            .raw_first = 10};
    a.book[AGG_BOOK_FIRST] = 10;
    a.book[AGG_BOOK_NEXT] = 110;
    a.book[AGG_BOOK_COUNTED + PX_COUNTED] = a.raw[PX_COUNTED] = 60;
    a.book[AGG_BOOK_COUNTED + PX_REPEAT] = a.raw[PX_REPEAT] = 20;
    a.book[AGG_BOOK_COUNTED + PX_DUPLICATE] = a.raw[PX_DUPLICATE] = 5;
    a.book[AGG_BOOK_COUNTED + PX_CONFLICT] = a.raw[PX_CONFLICT] = 3;
    a.book[AGG_BOOK_DEAD] = 4;
    a.book[AGG_BOOK_HOLE] = 2;
    a.book[AGG_BOOK_GAP] = 6;
    return a;
}

static void expect(const struct agg_account *a, bool whole, enum agg_verdict want) {
    struct agg_account fixed;
    const struct agg_account true_one = right();
    enum agg_verdict got = agg_account_judge(a, whole, &fixed);
    assert_int_equal(got, want);
    if (got == AGG_PROVEN) {
        assert_true(fixed.has_book);
        assert_memory_equal(fixed.book, true_one.book, sizeof fixed.book);
    }
}

static void test_judge_accepts_what_adds_up(void **state) {
    (void)state;
    struct agg_account a = right();
    expect(&a, true, AGG_SOUND);
    a.raw[PX_REPEAT] = 18; /* two were copies under one event id */
    expect(&a, true, AGG_SOUND);
    a.raw[PX_COUNTED] = 0; /* raw rows are gone: not the ledger's fault */
    expect(&a, true, AGG_SOUND);
}

/* Any single column that leaves a trace elsewhere. */
static void test_judge_proves_single_columns(void **state) {
    (void)state;
    static const enum agg_book columns[] = {
        AGG_BOOK_NEXT,
        AGG_BOOK_GAP,
        AGG_BOOK_COUNTED,
        (enum agg_book)(AGG_BOOK_COUNTED + PX_REPEAT),
        (enum agg_book)(AGG_BOOK_COUNTED + PX_DUPLICATE),
        (enum agg_book)(AGG_BOOK_COUNTED + PX_CONFLICT),
        (enum agg_book)(AGG_BOOK_COUNTED + PX_LATE),
        AGG_BOOK_FIRST,
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(columns); i++) {
        for (int64_t by = -2; by <= 2; by += 4) {
            struct agg_account a = right();
            a.book[columns[i]] += by;
            expect(&a, true, AGG_PROVEN);
        }
    }
    struct agg_account two = right();
    two.book[AGG_BOOK_COUNTED] += 3; /* moved from one column to another: the sum still holds */
    two.book[AGG_BOOK_COUNTED + PX_REPEAT] -= 3;
    expect(&two, true, AGG_PROVEN);
}

static void test_judge_makes_nothing_up(void **state) {
    (void)state;
    static const enum agg_book traceless[] = {AGG_BOOK_DEAD, AGG_BOOK_HOLE, AGG_BOOK_REWOUND};
    for (size_t i = 0; i < PX_ARRAY_LEN(traceless); i++) {
        struct agg_account a = right();
        a.book[traceless[i]] += 1;
        expect(&a, true, AGG_UNPROVEN);
    }
    struct agg_account a = right();
    a.recorded = 0; /* a gap without its record: it may have been, or the log began later */
    expect(&a, true, AGG_UNPROVEN);
    a = right();
    a.book[AGG_BOOK_COUNTED]++;
    expect(&a, false, AGG_UNPROVEN); /* raw rows do not reach back */
    a.alone = false;
    expect(&a, true, AGG_UNPROVEN); /* nor say which log they are from */
    a = right();
    a.has_book = false;
    memset(a.book, 0, sizeof a.book);
    expect(&a, true, AGG_UNPROVEN); /* dead letters and holes are not known */
}

static void test_judge_makes_a_lost_row_again(void **state) {
    (void)state;
    struct agg_account a = right(), fixed;
    a.has_book = false;
    memset(a.book, 0, sizeof a.book);
    a.next_offset = 104; /* without the dead and the holes */
    assert_int_equal(agg_account_judge(&a, true, &fixed), AGG_PROVEN);
    assert_int_equal(fixed.book[AGG_BOOK_FIRST], 10);
    assert_int_equal(fixed.book[AGG_BOOK_NEXT], 104);
    assert_int_equal(fixed.book[AGG_BOOK_COUNTED], 60);

    a = right();
    a.has_offset = false;
    assert_int_equal(agg_account_judge(&a, true, &fixed), AGG_PROVEN);
    assert_false(fixed.has_book);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge_accepts_what_adds_up),
        cmocka_unit_test(test_judge_proves_single_columns),
        cmocka_unit_test(test_judge_makes_nothing_up),
        cmocka_unit_test(test_judge_makes_a_lost_row_again),
    };
    return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
