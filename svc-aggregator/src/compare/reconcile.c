/* --reconcile: do the numbers agree? Accounts, raw rows, every aggregation counted again, all in
 * one snapshot beside whoever writes. It changes nothing. */
#include "reconcile.h"

#include "audit.h"

#include <px/num.h>

#include <stdio.h>

const struct px_app_param agg_reconcile_params[3] = {
    {.name = "from", .value = "DATE", .help = "First day to look at, YYYY-MM-DD."},
    {.name = "to", .value = "DATE", .help = "Last day to look at; both left out: all."},
    {.name = "json", .help = "One JSON object per line."},
};

/* Days next to each other with the same reason are one line. */
static void list_unchecked(struct agg_audit *a) {
    for (size_t i = 0; i < a->days.n;) {
        const struct agg_day *d = &a->days.v[i];
        px_day days[2] = {d->w.first, d->w.last};
        while (++i < a->days.n && a->days.v[i].state == d->state) {
            days[1] = a->days.v[i].w.last;
        }
        char why[AGG_WHY];
        if (d->state != AGG_DAY_COMPLETE) {
            agg_audit_why(a, d, why);
            agg_report_unchecked(&a->report, "days", days, why);
        }
    }
}

/* --- one aggregation -------------------------------------------------------------------------- */
struct progress {
    struct agg_tally total;
    int64_t windows, skipped;
};

static void report_rollup(struct agg_audit *a, const struct agg_recount *rc,
                          const struct progress *p) {
    struct agg_fact facts[4 + 2 * PX_RECOUNT_MEASURES];
    char names[2 * PX_RECOUNT_MEASURES][96];
    const struct agg_tally *t = &p->total;
    size_t n = 0;
    bool whole = !rc->by_day && !rc->by_bucket;
    facts[n++] = (struct agg_fact){"rows stored", t->stored};
    facts[n++] = (struct agg_fact){"recomputed", t->computed};
    for (size_t i = 0; i < rc->def.nmeasures; i++) {
        if (!rc->def.measures[i].of_time) {
            char *stored = names[2 * i], *computed = names[2 * i + 1];
            snprintf(stored, sizeof names[0], "%s stored", rc->def.measures[i].column);
            snprintf(computed, sizeof names[0], "%s recomputed", rc->def.measures[i].column);
            facts[n++] = (struct agg_fact){stored, t->sum_stored[i]};
            facts[n++] = (struct agg_fact){computed, t->sum_computed[i]};
        }
    }
    if (!whole && p->skipped) {
        facts[n++] = (struct agg_fact){"days not checked", p->skipped};
    }
    facts[n++] = (struct agg_fact){"rows differ", agg_tally_differences(t)};
    agg_report_check(&a->report, rc->id, agg_tally_differences(t) == 0, facts, n);
}

static enum px_code check_window(struct agg_audit *a, struct agg_recount *rc,
                                 const struct px_window *w, struct progress *p,
                                 struct px_err *reterr) {
    struct agg_tally t = {0};
    enum px_code code = agg_recount_tally(rc, w, &t, reterr);
    agg_tally_add(&p->total, &t);
    p->windows++;
    a->report.differences += agg_tally_differences(&t);
    return code;
}

static void report_begins_later(struct agg_audit *a, const struct agg_recount *rc, px_day from) {
    const px_day days[2] = {a->days.v[0].w.first, from - 1};
    char day[PX_TIME_TEXT], why[160];
    (void)px_fmt_date(from, day);
    snprintf(why, sizeof why, "its rows are complete from %s on (px_settings: %.60s_complete_from)",
             day, rc->def.name);
    if (days[0] <= days[1]) {
        agg_report_unchecked(&a->report, rc->id, days, why);
    }
}

/* The rows are named after the line of their check, so windows that differ are asked again. */
static enum px_code check_days(struct agg_audit *a, struct agg_recount *rc, struct px_err *reterr) {
    struct progress p = {.windows = 0};
    struct px_window w;
    px_day from = rc->kept_from;
    enum px_code code = PX_OK;
    for (size_t i = 0; code == PX_OK && i < a->days.n; i++) {
        if (!agg_audit_window(a, rc, i, &w) || w.first < from) {
            p.skipped++;
            continue;
        }
        code = check_window(a, rc, &w, &p, reterr);
    }
    if (code != PX_OK) {
        return code;
    }
    if (from > 0) {
        report_begins_later(a, rc, from);
    }
    report_rollup(a, rc, &p);
    for (size_t i = 0; code == PX_OK && agg_tally_differences(&p.total) && i < a->days.n; i++) {
        if (agg_audit_window(a, rc, i, &w) && w.first >= from) {
            code = agg_recount_name(rc, &w, &a->report, reterr);
        }
    }
    return code;
}

static enum px_code check_whole(struct agg_audit *a, struct agg_recount *rc,
                                struct px_err *reterr) {
    struct progress p = {.windows = 0};
    struct px_window w;
    const char *why = NULL;
    if (!agg_audit_whole(a, rc, &w, &why)) {
        agg_report_unchecked(&a->report, rc->id, NULL, why);
        return PX_OK;
    }
    enum px_code code = check_window(a, rc, &w, &p, reterr);
    if (code != PX_OK) {
        return code;
    }
    report_rollup(a, rc, &p);
    return agg_tally_differences(&p.total) ? agg_recount_name(rc, &w, &a->report, reterr) : PX_OK;
}

static enum px_code check_rollup(struct agg_audit *a, struct agg_recount *rc,
                                 struct px_err *reterr) {
    const char *why = NULL;
    if (!agg_audit_exact(a, rc, &why)) {
        agg_report_unchecked(&a->report, rc->id, NULL, why);
        return PX_OK;
    }
    return rc->by_day || rc->by_bucket ? check_days(a, rc, reterr) : check_whole(a, rc, reterr);
}

/* --- SUM over banners = the day; SUM over classes of traffic = the banner ------------------------
 */
static const struct sums {
    const char *check, *whole, *parts, *against;
    enum px_statement which;
} sums[] = {{"sum.banners", "daily_metrics", "event_summary",
             "count against the sum of event_summary", PX_ST_BANNER_SUMS},
            {"sum.classes", "event_summary", "class_summary",
             "count against the sum of class_summary", PX_ST_CLASS_SUMS}};

static void name_sum(const struct sums *sum, struct agg_report *report, const struct px_stmt *st) {
    struct agg_difference d = {
        .check = sum->check,
        .table = sum->whole,
        .stored = true,
        .computed = true,
        .nkeys = 2,
        .key = {{"event_date", {.kind = AGG_CELL_TEXT, .s = px_col_text(st, 0)}},
                {"event_type", {.kind = AGG_CELL_TEXT, .s = px_col_text(st, 1)}}},
        .nvalues = 1,
        .values = {{.name = sum->against,
                    .stored = {.kind = AGG_CELL_INT, .i = px_col_i64(st, 2)},
                    .computed = {.kind = AGG_CELL_INT, .i = px_col_i64(st, 3)}}},
    };
    agg_report_difference(report, &d);
}

static enum px_code bind_days(struct px_stmt *st, char text[2][PX_TIME_TEXT],
                              struct px_err *reterr) {
    enum px_code rc = PX_OK;
    for (unsigned i = 0; rc == PX_OK && i < 4; i++) {
        rc = px_bind_text(st, i, px_str_c(text[i % 2]), reterr);
    }
    return rc;
}

/* Retention empties one table after the other: earlier days are there in one of the two at most. */
static enum px_code sums_from(struct agg_audit *a, const struct sums *sum, px_day *ret,
                              struct px_err *reterr) {
    px_day from = 0;
    *ret = a->days.v[0].w.first;
    enum px_code rc = agg_complete_from(a->s, sum->whole, &from, reterr);
    *ret = from > *ret ? from : *ret;
    rc = rc == PX_OK ? agg_complete_from(a->s, sum->parts, &from, reterr) : rc;
    *ret = from > *ret ? from : *ret;
    return rc;
}

static enum px_code check_sums(struct agg_audit *a, const struct sums *sum, struct px_err *reterr) {
    char text[2][PX_TIME_TEXT];
    struct px_stmt *st = NULL;
    px_day from = 0;
    enum px_code rc = sums_from(a, sum, &from, reterr);
    (void)px_fmt_date(from, text[0]);
    (void)px_fmt_date(a->days.v[a->days.n - 1].w.last, text[1]);
    rc = rc == PX_OK ? agg_stmt(a->s, sum->which, &st, reterr) : rc;
    rc = rc == PX_OK ? bind_days(st, text, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    int64_t wrong = 0;
    struct agg_report rows = {.json = a->report.json, .shown = a->report.shown};
    px_buf_init(&rows.out, a->report.out.max);
    while (rc == PX_OK && (rc = px_stmt_next(st, reterr)) == PX_OK) {
        wrong = px_col_i64(st, 4);
        name_sum(sum, &rows, st);
    }
    px_stmt_free(st);
    if (rc == PX_NO_ROW) {
        struct agg_fact fact = {"days and types differ", wrong};
        agg_report_check(&a->report, sum->check, wrong == 0, &fact, 1);
        px_buf_str(&a->report.out, px_buf_view(&rows.out));
        a->report.shown = rows.shown;
        a->report.differences += wrong;
    }
    px_buf_fini(&rows.out);
    return rc == PX_NO_ROW ? PX_OK : rc;
}

static bool has(const struct agg_audit *a, const char *name) {
    return px_rollups_find(a->agg->rollups, px_str_c(name)) != NULL;
}

static enum px_code checks(struct agg_audit *a, struct px_err *reterr) {
    struct agg_accounts accounts = {0};
    enum px_code rc = agg_accounts_load(a->s, &accounts, reterr);
    rc = rc == PX_OK ? agg_audit_days(a, &accounts, reterr) : rc;
    if (rc == PX_OK) {
        agg_accounts_report(&accounts, a->complete_from == 0, &a->report);
        list_unchecked(a);
    }
    agg_accounts_fini(&accounts);
    for (size_t i = 0; rc == PX_OK && i < a->n; i++) {
        rc = check_rollup(a, &a->v[i], reterr);
    }
    for (size_t i = 0; rc == PX_OK && i < PX_ARRAY_LEN(sums); i++) {
        if (has(a, sums[i].whole) && has(a, sums[i].parts)) {
            rc = check_sums(a, &sums[i], reterr);
        }
    }
    return rc;
}

static enum px_code run(struct agg_audit *a, struct px_err *reterr) {
    enum px_code rc = agg_audit_open(a, PX_SQL_READ, reterr);
    rc = rc == PX_OK ? px_tx_begin(a->s, reterr) : rc;
    rc = rc == PX_OK ? checks(a, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    px_tx_rollback(a->s);
    char text[64] = "exact";
    int64_t n = a->report.differences;
    if (n > 0) {
        snprintf(text, sizeof text, "%lld differences", (long long)n);
    }
    agg_report_end(&a->report, n > 0 ? "differs" : "exact", text, n);
    rc = agg_report_print(&a->report, reterr);
    return rc == PX_OK && n > 0 ? PX_DIFFERS : rc;
}

enum px_code agg_reconcile(void *svc, const char *arg, struct px_err *reterr) {
    struct agg_audit a;
    (void)arg;
    enum px_code rc = agg_audit_init(&a, svc, "reconcile", reterr);
    rc = rc == PX_OK ? run(&a, reterr) : rc;
    agg_audit_fini(&a);
    return px_sql_as(rc, "run it as a login user with the role px_verify", reterr);
}
