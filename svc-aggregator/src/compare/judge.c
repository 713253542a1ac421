/* Is an account right, and if not, what would be? Only what the raw rows prove is called right: a
 * made-up number would hide the fault. Pure. */
#include "accounts.h"

#include <string.h>

static int64_t passed(const struct agg_account *a) {
    return a->book[AGG_BOOK_NEXT] - a->book[AGG_BOOK_FIRST] + a->book[AGG_BOOK_REWOUND];
}

static int64_t accounted(const struct agg_account *a) {
    int64_t sum = 0;
    for (size_t i = AGG_BOOK_COUNTED; i < AGG_BOOK_COLUMNS; i++) {
        sum += a->book[i];
    }
    return sum;
}

bool agg_account_holds(const struct agg_account *a) {
    return a->has_offset && a->has_book && a->book[AGG_BOOK_NEXT] == a->next_offset &&
           passed(a) == accounted(a);
}

/* A gap that was recorded once may have been passed again after a rewind. */
static bool gap_fits(const struct agg_account *a) {
    int64_t gap = a->book[AGG_BOOK_GAP];
    return a->book[AGG_BOOK_REWOUND] > 0 ? gap >= a->recorded : gap == a->recorded;
}

/* Every raw row was booked. The opposite need not be: copies under one event id are stored once. */
static bool raw_fits(const struct agg_account *a) {
    for (size_t d = 0; a->alone && d < PX_DEAD_LETTERED; d++) {
        if (a->raw[d] > a->book[AGG_BOOK_COUNTED + d]) {
            return false;
        }
    }
    return true;
}

static bool sound(const struct agg_account *a) {
    return agg_account_holds(a) && gap_fits(a) && raw_fits(a);
}

/* The row as the raw rows alone would have it; dead letters and holes leave none. */
static void from_raw(struct agg_account *f, bool with_start) {
    memcpy(&f->book[AGG_BOOK_COUNTED], f->raw, PX_DEAD_LETTERED * sizeof f->raw[0]);
    if (with_start) {
        f->book[AGG_BOOK_FIRST] = f->raw_first >= 0 ? f->raw_first : f->next_offset;
    }
}

enum agg_verdict agg_account_judge(const struct agg_account *a, bool raw_whole,
                                   struct agg_account *ret) {
    if (sound(a)) {
        return AGG_SOUND;
    }
    *ret = *a;
    if (!a->has_offset) { /* both rows are made in one transaction: this one was not */
        ret->has_book = false;
        return AGG_PROVEN;
    }
    ret->has_book = true;
    ret->book[AGG_BOOK_NEXT] = a->next_offset;
    if (a->has_book && sound(ret)) {
        return AGG_PROVEN;
    }
    ret->book[AGG_BOOK_GAP] = a->recorded;
    if (a->has_book && sound(ret)) {
        return AGG_PROVEN;
    }
    if (!raw_whole || !a->alone) {
        return AGG_UNPROVEN;
    }
    struct agg_account f = *ret;
    f.book[AGG_BOOK_COUNTED] = a->raw[PX_COUNTED];
    if (a->has_book && sound(&f)) {
        *ret = f;
        return AGG_PROVEN;
    }
    /* a gap and a start that are both wrong could stand in for each other */
    bool start_too = !a->has_book || a->book[AGG_BOOK_GAP] == a->recorded;
    for (int start = 0; start < (start_too ? 2 : 1); start++) {
        from_raw(&f, start == 1);
        if (sound(&f)) {
            *ret = f;
            return AGG_PROVEN;
        }
    }
    return AGG_UNPROVEN;
}
