/* Loading the accounts; what they add up to. Judging single ones is judge.c, saying so is
 * accounts_report.c. */
#include "accounts.h"

#include "table.h"

#include <px/mem.h>

#include <string.h>

#define ACCOUNTS_MAX 65536
#define TEXT_MAX     (32 << 20)

const char *const agg_book_names[AGG_BOOK_COLUMNS] = {
    "first_offset", "next_offset", "rewound", "counted",       "repeated", "duplicate", "conflict",
    "excluded",     "late",        "erased",  "dead_lettered", "hole",     "gap"};
static_assert(PX_DEAD_LETTERED == PX_DISPOSITIONS - 1 && PX_COUNTED == 0,
              "columns in the order of the dispositions");

/* Room for one more of ${n} elements of ${size}; grows by doubling. */
static void *room(void *v, size_t n, size_t size, struct px_err *reterr) {
    if (n >= ACCOUNTS_MAX) {
        PX_IGNORE(PX_FAIL(reterr, PX_TOO_LARGE, "more than %d partitions", ACCOUNTS_MAX));
        return NULL;
    }
    if (n & (n - 1)) { /* not at a power of two */
        return v;
    }
    void *bigger = px_realloc(v, (n ? 2 * n : 1) * size);
    if (!bigger) {
        PX_IGNORE(PX_FAIL(reterr, PX_NOMEM, "no memory for %zu partitions", n));
    }
    return bigger;
}

static enum px_code add_account(struct agg_accounts *a, const struct px_stmt *st,
                                struct px_err *reterr) {
    struct agg_account *v = room(a->v, a->n, sizeof *v, reterr);
    if (!v) {
        return a->n >= ACCOUNTS_MAX ? PX_TOO_LARGE : PX_NOMEM;
    }
    a->v = v;
    struct agg_account *to = &v[a->n++];
    *to = (struct agg_account){.log_id = px_arena_dup(&a->arena, px_col_text(st, 0)),
                               .topic = px_arena_dup(&a->arena, px_col_text(st, 1)),
                               .partition = (int32_t)px_col_i64(st, 2),
                               .has_offset = !px_col_null(st, 3),
                               .next_offset = px_col_i64(st, 3),
                               .has_book = !px_col_null(st, 4),
                               .recorded = px_col_i64(st, 4 + AGG_BOOK_COLUMNS),
                               .raw_first = -1};
    for (unsigned i = 0; i < AGG_BOOK_COLUMNS; i++) {
        to->book[i] = px_col_i64(st, 4 + i);
    }
    return to->log_id.p && to->topic.p
               ? PX_OK
               : PX_FAIL(reterr, PX_NOMEM, "no memory for the names of %zu partitions", a->n);
}

static enum px_code add_raw(struct agg_accounts *a, const struct px_stmt *st,
                            struct px_err *reterr) {
    int64_t partition = px_col_i64(st, 0);
    if (a->nraw == 0 || a->raw[a->nraw - 1].partition != partition) {
        struct agg_raw_count *v = room(a->raw, a->nraw, sizeof *v, reterr);
        if (!v) {
            return a->nraw >= ACCOUNTS_MAX ? PX_TOO_LARGE : PX_NOMEM;
        }
        a->raw = v;
        v[a->nraw++] = (struct agg_raw_count){.partition = partition, .first = INT64_MAX};
    }
    struct agg_raw_count *to = &a->raw[a->nraw - 1];
    int64_t first = px_col_i64(st, 3);
    to->first = first < to->first ? first : to->first;
    for (size_t d = 0; d < PX_DISPOSITIONS; d++) {
        if (px_str_is(px_col_text(st, 1), px_disposition_name((enum px_disposition)d))) {
            to->rows[d] += px_col_i64(st, 2);
            return PX_OK;
        }
    }
    return PX_FAIL(reterr, PX_SCHEMA, "events: a disposition that this program does not know");
}

static enum px_code each(struct px_sql *s, enum px_statement which, struct agg_accounts *a,
                         enum px_code (*add)(struct agg_accounts *, const struct px_stmt *,
                                             struct px_err *),
                         struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code rc = agg_stmt(s, which, &st, reterr);
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    while (rc == PX_OK && (rc = px_stmt_next(st, reterr)) == PX_OK) {
        rc = add(a, st, reterr);
    }
    px_stmt_free(st);
    return rc == PX_NO_ROW ? PX_OK : rc;
}

/* Gives raw rows to the partitions whose number occurs once. */
static void attribute(struct agg_accounts *a) {
    for (size_t i = 0; i < a->n; i++) {
        struct agg_account *v = &a->v[i];
        size_t found = 0;
        for (size_t k = 0; k < a->n; k++) {
            found += a->v[k].partition == v->partition ? 1 : 0;
        }
        v->alone = found == 1;
        for (size_t k = 0; v->alone && k < a->nraw; k++) {
            if (a->raw[k].partition == v->partition) {
                v->raw_first = a->raw[k].first;
                memcpy(v->raw, a->raw[k].rows, sizeof v->raw);
            }
        }
    }
}

enum px_code agg_accounts_load(struct px_sql *s, struct agg_accounts *ret, struct px_err *reterr) {
    struct agg_accounts a = {0};
    px_arena_init(&a.arena, TEXT_MAX);
    enum px_code rc = each(s, PX_ST_ACCOUNTS, &a, add_account, reterr);
    rc = rc == PX_OK ? each(s, PX_ST_RAW_COUNTS, &a, add_raw, reterr) : rc;
    if (rc != PX_OK) {
        agg_accounts_fini(&a);
        return rc;
    }
    attribute(&a);
    *ret = a;
    return PX_OK;
}

void agg_accounts_fini(struct agg_accounts *a) {
    px_free(a->v);
    px_free(a->raw);
    px_arena_fini(&a->arena);
    *a = (struct agg_accounts){0};
}

/* What an account has counted, by its own word or by what is proven; false: nobody knows. */
static bool counted_of(const struct agg_account *a, bool raw_whole, int64_t *ret) {
    struct agg_account right = *a;
    bool known = agg_account_holds(a) ||
                 (agg_account_judge(a, raw_whole, &right) == AGG_PROVEN && right.has_book);
    *ret = right.book[AGG_BOOK_COUNTED];
    return known;
}

int64_t agg_accounts_missing(const struct agg_accounts *a, bool raw_whole) {
    int64_t missing = 0;
    for (size_t i = 0; i < a->n; i++) {
        const struct agg_account *first = &a->v[i];
        int64_t counted = 0, one = 0;
        bool holds = true;
        bool seen = false;
        for (size_t k = 0; k < a->n; k++) {
            if (a->v[k].partition == first->partition) {
                seen = seen || k < i;
                holds = counted_of(&a->v[k], raw_whole, &one) && holds;
                counted += one;
            }
        }
        for (size_t k = 0; k < a->nraw; k++) {
            counted -= a->raw[k].partition == first->partition ? a->raw[k].rows[PX_COUNTED] : 0;
        }
        missing += holds && !seen && counted > 0 ? counted : 0;
    }
    return missing;
}

bool agg_accounts_doubtful(const struct agg_accounts *a, bool raw_whole) {
    struct agg_account right;
    for (size_t i = 0; i < a->n; i++) {
        if (agg_account_judge(&a->v[i], raw_whole, &right) == AGG_UNPROVEN) {
            return true;
        }
    }
    return false;
}

int64_t agg_accounts_copies(const struct agg_accounts *a) {
    static const enum px_disposition accepted[] = {PX_REPEAT, PX_DUPLICATE};
    int64_t copies = 0;
    for (size_t d = 0; d < PX_ARRAY_LEN(accepted); d++) {
        for (size_t i = 0; i < a->n; i++) {
            copies += a->v[i].book[AGG_BOOK_COUNTED + accepted[d]];
        }
        for (size_t i = 0; i < a->nraw; i++) {
            copies -= a->raw[i].rows[accepted[d]];
        }
    }
    return copies > 0 ? copies : 0;
}
