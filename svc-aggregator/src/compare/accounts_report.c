/* The accounts as lines of a report: one check for partition_ledger, one for the raw rows. */
#include "accounts.h"

static struct agg_cell integer(int64_t v) {
    return (struct agg_cell){.kind = AGG_CELL_INT, .i = v};
}

static struct agg_difference difference(const struct agg_account *a) {
    return (struct agg_difference){
        .check = "partition_ledger",
        .table = "partition_ledger",
        .nkeys = 3,
        .key = {{"log_id", {.kind = AGG_CELL_TEXT, .s = a->log_id}},
                {"topic", {.kind = AGG_CELL_TEXT, .s = a->topic}},
                {"partition_id", integer(a->partition)}},
    };
}

static void value(struct agg_difference *d, const char *name, int64_t stored, int64_t computed) {
    d->values[d->nvalues++] = (struct agg_two_cells){
        .name = name, .stored = integer(stored), .computed = integer(computed)};
}

static void name_account(const struct agg_account *a, enum agg_verdict v,
                         const struct agg_account *right, struct agg_report *report) {
    struct agg_difference d = difference(a);
    d.stored = a->has_book;
    d.computed = a->has_offset;
    for (size_t i = 0; v == AGG_PROVEN && i < AGG_BOOK_COLUMNS; i++) {
        value(&d, agg_book_names[i], a->book[i], right->book[i]);
    }
    if (v == AGG_UNPROVEN && a->has_book) {
        int64_t sum = 0;
        for (size_t i = AGG_BOOK_COUNTED; i < AGG_BOOK_COLUMNS; i++) {
            sum += a->book[i];
        }
        value(&d, "next_offset", a->book[AGG_BOOK_NEXT], a->next_offset);
        value(&d, "gap", a->book[AGG_BOOK_GAP], a->recorded);
        value(&d, "sum of the columns from counted on", sum,
              a->book[AGG_BOOK_NEXT] - a->book[AGG_BOOK_FIRST] + a->book[AGG_BOOK_REWOUND]);
    }
    agg_report_difference(report, &d);
}

static void report_ledger(const struct agg_accounts *a, bool raw_whole, struct agg_report *report) {
    int64_t wrong = 0;
    int64_t sums[AGG_BOOK_COLUMNS] = {0};
    struct agg_account right;
    for (size_t i = 0; i < a->n; i++) {
        wrong += agg_account_judge(&a->v[i], raw_whole, &right) == AGG_SOUND ? 0 : 1;
        for (size_t k = 0; k < AGG_BOOK_COLUMNS; k++) {
            sums[k] += a->v[i].book[k];
        }
    }
    const struct agg_fact facts[] = {
        {"partitions", (int64_t)a->n},
        {"offsets passed", sums[AGG_BOOK_NEXT] - sums[AGG_BOOK_FIRST] + sums[AGG_BOOK_REWOUND]},
        {"counted", sums[AGG_BOOK_COUNTED]},
        {"repeated", sums[AGG_BOOK_COUNTED + PX_REPEAT]},
        {"duplicate", sums[AGG_BOOK_COUNTED + PX_DUPLICATE]},
        {"conflict", sums[AGG_BOOK_COUNTED + PX_CONFLICT]},
        {"dead_lettered", sums[AGG_BOOK_DEAD]},
        {"hole", sums[AGG_BOOK_HOLE]},
        {"gap", sums[AGG_BOOK_GAP]},
        {"wrong", wrong}};
    agg_report_check(report, "partition_ledger", wrong == 0, facts, PX_ARRAY_LEN(facts));
    for (size_t i = 0; wrong && i < a->n; i++) {
        enum agg_verdict v = agg_account_judge(&a->v[i], raw_whole, &right);
        if (v != AGG_SOUND) {
            name_account(&a->v[i], v, &right, report);
        }
    }
    report->differences += wrong;
}

/* More raw rows of a partition number than its ledgers know. */
static int64_t unbooked(const struct agg_accounts *a, const struct agg_raw_count *raw, size_t d) {
    int64_t more = raw->rows[d];
    for (size_t k = 0; k < a->n; k++) {
        more -= a->v[k].partition == raw->partition ? a->v[k].book[AGG_BOOK_COUNTED + d] : 0;
    }
    return more > 0 ? more : 0;
}

static void name_raw(const struct agg_accounts *a, const struct agg_raw_count *raw, size_t d,
                     struct agg_report *report) {
    struct agg_difference diff = {.check = "raw",
                                  .table = "events",
                                  .stored = true,
                                  .computed = true,
                                  .nkeys = 1,
                                  .key = {{"partition", integer(raw->partition)}}};
    value(&diff, agg_book_names[AGG_BOOK_COUNTED + d], raw->rows[d],
          raw->rows[d] - unbooked(a, raw, d));
    agg_report_difference(report, &diff);
}

static void report_raw(const struct agg_accounts *a, bool raw_whole, struct agg_report *report) {
    int64_t missing = agg_accounts_missing(a, raw_whole);
    int64_t rows = 0, booked = 0, wrong = 0;
    for (size_t i = 0; i < a->n; i++) {
        for (size_t d = 0; d < PX_DEAD_LETTERED; d++) {
            booked += a->v[i].book[AGG_BOOK_COUNTED + d];
        }
    }
    for (size_t i = 0; i < a->nraw; i++) {
        for (size_t d = 0; d < PX_DISPOSITIONS; d++) {
            rows += a->raw[i].rows[d];
            wrong += unbooked(a, &a->raw[i], d) > 0 ? 1 : 0;
        }
    }
    const struct agg_fact facts[] = {{"rows of events", rows},
                                     {"events in the ledger", booked},
                                     {"counted events without a row", missing},
                                     {"partitions with rows that the ledger does not know", wrong}};
    agg_report_check(report, "raw", wrong == 0, facts, PX_ARRAY_LEN(facts));
    for (size_t i = 0; wrong && i < a->nraw; i++) {
        for (size_t d = 0; d < PX_DISPOSITIONS; d++) {
            if (unbooked(a, &a->raw[i], d) > 0) {
                name_raw(a, &a->raw[i], d, report);
            }
        }
    }
    report->differences += wrong;
}

void agg_accounts_report(const struct agg_accounts *a, bool raw_whole, struct agg_report *report) {
    report_ledger(a, raw_whole, report);
    report_raw(a, raw_whole, report);
}
