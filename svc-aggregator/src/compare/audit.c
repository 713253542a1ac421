/* The ground that reconciliation and rebuild stand on. The one place that decides of which days raw
 * rows are complete: by what retention recorded, and by what the counts show. */
#include "audit.h"

#include "witness.h"

#include <px/mem.h>
#include <px/num.h>
#include <px/unlink.h>

#include <stdio.h>

/* --- the setting ------------------------------------------------------------------------------ */
static enum px_code setting(struct px_sql *s, const char *name, char *out, size_t cap,
                            struct px_err *reterr) {
    struct px_stmt *st = NULL;
    out[0] = '\0';
    enum px_code rc = agg_stmt(s, PX_ST_SETTING_GET, &st, reterr);
    rc = rc == PX_OK ? px_bind_text(st, 0, px_str_c(name), reterr) : rc;
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_next(st, reterr) : rc;
    if (rc == PX_OK && !px_str_copy(px_col_text(st, 0), out, cap)) {
        rc = PX_FAIL(reterr, PX_CONFIG, "px_settings: %s is too long", name);
    }
    px_stmt_free(st);
    return rc == PX_NO_ROW ? PX_OK : rc;
}

enum px_code agg_complete_from(struct px_sql *s, const char *what, px_day *ret,
                               struct px_err *reterr) {
    char name[128], text[32];
    snprintf(name, sizeof name, "%s_complete_from", what);
    enum px_code rc = setting(s, name, text, sizeof text, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    px_day day = 0;
    if (text[0] && !px_parse_date(px_str_c(text), &day)) {
        return PX_FAIL(reterr, PX_CONFIG, "px_settings: %s is \"%s\", which is no date YYYY-MM-DD",
                       name, text);
    }
    *ret = day;
    return PX_OK;
}

/* --- opening ---------------------------------------------------------------------------------- */
enum px_code agg_audit_init(struct agg_audit *a, struct agg *agg, const char *command,
                            struct px_err *reterr) {
    *a = (struct agg_audit){.agg = agg};
    agg_report_init(&a->report, command, px_app_param(agg->app, "json") != NULL);
    return agg_span_parse(px_app_param(agg->app, "from"), px_app_param(agg->app, "to"), &a->span,
                          reterr);
}

void agg_audit_disconnect(struct agg_audit *a) {
    for (size_t i = 0; i < a->n; i++) {
        agg_recount_close(&a->v[i]);
    }
    px_free(a->v);
    a->v = NULL;
    a->n = 0;
    px_sql_close(a->s);
    a->s = NULL;
}

void agg_audit_fini(struct agg_audit *a) {
    agg_audit_disconnect(a);
    agg_days_fini(&a->days);
    px_zone_free(a->zone);
    agg_report_fini(&a->report);
}

static enum px_code load_zone(struct agg_audit *a, struct px_err *reterr) {
    char name[128];
    enum px_code rc = setting(a->s, "day_zone", name, sizeof name, reterr);
    return rc == PX_OK ? px_zone_load(name[0] ? name : a->agg->conf->sql.zone, &a->zone, reterr)
                       : rc;
}

/* --- the days --------------------------------------------------------------------------------- */
static enum px_code prepare_all(struct agg_audit *a, struct px_err *reterr) {
    const struct px_rollups *rollups = a->agg->rollups;
    size_t n = px_rollups_count(rollups);
    a->v = px_calloc2(n, sizeof *a->v);
    if (!a->v) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %zu rollups", n);
    }
    bool limited = a->complete_from > 0 || a->span.from >= 0 || a->span.to >= 0;
    enum px_code rc = PX_OK;
    for (a->n = 0; rc == PX_OK && a->n < n; a->n++) {
        struct agg_recount *rc_ = &a->v[a->n];
        agg_recount_init(rc_, px_rollups_get(rollups, a->n));
        bool whole = !rc_->by_day && !rc_->by_bucket;
        rc_->by_since = limited && whole && rc_->def.since >= 0;
        rc_->all_time = whole && a->complete_from == 0;
        rc = agg_recount_open(rc_, a->s, reterr);
    }
    return rc;
}

static enum px_code connect(struct agg_audit *a, enum px_sql_use use, struct px_err *reterr) {
    enum px_code rc = px_sql_open(&a->agg->conf->sql, use, &a->s, reterr);
    return rc == PX_OK ? px_sql_patient(a->s, reterr) : rc;
}

enum px_code agg_audit_connect(struct agg_audit *a, enum px_sql_use use, struct px_err *reterr) {
    enum px_code rc = connect(a, use, reterr);
    rc = rc == PX_OK ? prepare_all(a, reterr) : rc;
    if (rc != PX_OK) {
        agg_audit_disconnect(a);
    }
    return rc;
}

enum px_code agg_audit_open(struct agg_audit *a, enum px_sql_use use, struct px_err *reterr) {
    char version[64];
    enum px_code rc = connect(a, use, reterr);
    rc = rc == PX_OK ? agg_schema_current(a->agg, a->s, version, sizeof version, reterr) : rc;
    return rc == PX_OK ? load_zone(a, reterr) : rc;
}

enum px_code agg_audit_erasing(struct px_sql *s, bool *ret, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code rc = agg_stmt(s, PX_ST_ERASURES_OPEN, &st, reterr);
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_next(st, reterr) : rc;
    px_stmt_free(st);
    *ret = rc == PX_OK;
    return rc == PX_NO_ROW ? PX_OK : rc;
}

static enum px_code raw_span(struct px_sql *s, px_us *ret_min, px_us *ret_max,
                             struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code rc = agg_stmt(s, PX_ST_RAW_SPAN, &st, reterr);
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_next(st, reterr) : rc;
    if (rc == PX_OK) {
        bool none = px_col_null(st, 0);
        *ret_min = none ? -1 : px_col_i64(st, 0);
        *ret_max = none ? -1 : px_col_i64(st, 1);
    }
    px_stmt_free(st);
    return rc;
}

/* What the accounts miss beyond the days before ${day}, as far as tables still tell of those. */
static enum px_code missing_since(struct agg_audit *a, px_day day, struct px_err *reterr) {
    px_us at = px_zone_day_start(a->zone, day);
    struct px_window before = {.first = 0, .last = day - 1, .lo = 0, .hi = at};
    struct agg_words c;
    enum px_code rc = agg_witness_ask(a->v, a->n, &before, &c, reterr);
    int64_t known = rc == PX_OK && c.witnesses > 0 && c.least > 0 ? c.least : 0;
    a->missing = a->missing > known ? a->missing - known : 0;
    return rc;
}

/* The tables may have lost the days before ${day} by now, as retention goes on: what they miss
 * since then, when no single day is ${open}. Over many days together, what a table has lost of one
 * makes up for what it knows of another: here nobody may have counted more. */
static enum px_code missing_now(struct agg_audit *a, px_day day, bool open, struct px_err *reterr) {
    px_us at = px_zone_day_start(a->zone, day);
    struct px_window since = {.first = day, .last = AGG_LAST_DAY, .lo = at, .hi = PX_COL_TIME_MAX};
    struct agg_words c;
    enum px_code rc = agg_witness_ask(a->v, a->n, &since, &c, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    bool none = !open && c.exact > 0 && c.most <= 0;
    bool less = c.most > 0 && c.most < a->missing;
    a->missing = none ? 0 : less ? c.most : a->missing;
    return PX_OK;
}

/* What the counts say beyond what retention has recorded. */
static enum px_code count_missing(struct agg_audit *a, const struct agg_accounts *accounts,
                                  struct px_err *reterr) {
    a->missing = agg_accounts_missing(accounts, a->complete_from == 0);
    a->copies = agg_accounts_copies(accounts);
    a->doubt = agg_accounts_doubtful(accounts, a->complete_from == 0);
    bool since = a->missing > 0 && a->complete_from > 0;
    return since ? missing_since(a, a->complete_from, reterr) : PX_OK;
}

/* Whoever only compares takes nothing away: it may look at what is disputed. *ret_open: there is a
 * day that nobody vouches for. */
static enum px_code mark_missing(struct agg_audit *a, bool *ret_open, struct px_err *reterr) {
    enum px_code rc = PX_OK;
    for (size_t i = 0; rc == PX_OK && i <= a->days.n; i++) {
        struct agg_day *d = i < a->days.n ? &a->days.v[i] : &a->days.after;
        struct agg_words c;
        if (d->state != AGG_DAY_COMPLETE) {
            continue;
        }
        rc = agg_witness_ask(a->v, a->n, &d->w, &c, reterr);
        d->state = agg_words_judge(&c);
        d->less = c.less;
        d->more = c.more;
        *ret_open = *ret_open || (i < a->days.n && d->state != AGG_DAY_COMPLETE);
        if (d->state == AGG_DAY_DISPUTED && !a->careful) {
            d->state = AGG_DAY_COMPLETE;
        }
    }
    return rc;
}

/* From which day on each table that goes by days has its rows. */
static enum px_code load_kept(struct agg_audit *a, struct px_err *reterr) {
    enum px_code rc = PX_OK;
    for (size_t i = 0; rc == PX_OK && i < a->n; i++) {
        if (a->v[i].by_day || a->v[i].by_bucket) {
            rc = agg_complete_from(a->s, a->v[i].def.name, &a->v[i].kept_from, reterr);
        }
    }
    return rc;
}

enum px_code agg_audit_days(struct agg_audit *a, const struct agg_accounts *accounts,
                            struct px_err *reterr) {
    struct agg_days_conf conf = {.span = a->span, .zone = a->zone};
    enum px_code rc = agg_complete_from(a->s, "raw", &a->complete_from, reterr);
    rc = rc == PX_OK ? agg_audit_erasing(a->s, &a->erasing, reterr) : rc;
    rc = rc == PX_OK ? raw_span(a->s, &conf.raw_min, &conf.raw_max, reterr) : rc;
    conf.complete_from = a->complete_from;
    rc = rc == PX_OK ? agg_days_make(&conf, &a->days, reterr) : rc;
    rc = rc == PX_OK ? prepare_all(a, reterr) : rc;
    rc = rc == PX_OK ? load_kept(a, reterr) : rc;
    rc = rc == PX_OK ? count_missing(a, accounts, reterr) : rc;
    bool open = false, mark = a->missing > 0 || (a->careful && a->doubt);
    rc = rc == PX_OK && mark ? mark_missing(a, &open, reterr) : rc;
    bool now = a->missing > 0 && a->complete_from > 0;
    return rc == PX_OK && now ? missing_now(a, a->complete_from, open, reterr) : rc;
}

/* --- questions -------------------------------------------------------------------------------- */
bool agg_audit_exact(const struct agg_audit *a, const struct agg_recount *rc,
                     const char **ret_why) {
    if (rc->adds_accepted && a->copies > 0) {
        *ret_why =
            "it adds up accepted events, and the log holds copies under one event id (or raw "
            "rows of repeats and duplicates are gone): events holds each id once";
        return false;
    }
    if (a->erasing && px_unlink_column(&rc->def)) {
        *ret_why =
            "a player is being erased: run svc-aggregator --erase-pending, or --erase-player "
            "again, to finish it";
        return false;
    }
    return true;
}

bool agg_audit_window(const struct agg_audit *a, const struct agg_recount *rc, size_t i,
                      struct px_window *ret) {
    if (rc->by_bucket) {
        return agg_days_bucket(&a->days, i, rc->def.bucket, ret);
    }
    *ret = a->days.v[i].w;
    return a->days.v[i].state == AGG_DAY_COMPLETE;
}

bool agg_audit_partial(const struct agg_audit *a) {
    return a->complete_from > 0;
}

bool agg_audit_whole(const struct agg_audit *a, const struct agg_recount *rc, struct px_window *ret,
                     const char **ret_why) {
    px_us from = a->complete_from ? px_zone_day_start(a->zone, a->complete_from) : 0;
    *ret = (struct px_window){
        .lo = from, .hi = PX_COL_TIME_MAX, .since_lo = from, .since_hi = PX_COL_TIME_MAX};
    if (a->careful && a->doubt) {
        *ret_why = "partition_ledger is wrong in a way that raw rows cannot mend, so nobody knows "
                   "whether they are complete";
        return false;
    }
    if (a->missing > 0) {
        *ret_why = "raw rows of counted events are missing, nobody knows of which keys";
        return false;
    }
    bool limited = a->complete_from > 0 || a->span.from >= 0 || a->span.to >= 0;
    if (!limited) {
        return true;
    }
    if (!rc->by_since) {
        *ret_why = "its key has no day and no measure says when a key was first seen, so it can "
                   "only be checked as a whole: leave --from and --to out";
        return false;
    }
    if (a->days.n > 0 && (a->span.from >= 0 || a->span.to >= 0)) {
        const struct px_window *first = &a->days.v[0].w;
        ret->since_lo = first->lo > from ? first->lo : from;
        ret->since_hi = a->days.v[a->days.n - 1].w.hi;
    }
    return true;
}

void agg_audit_why(const struct agg_audit *a, const struct agg_day *d, char out[AGG_WHY]) {
    char day[PX_TIME_TEXT];
    switch (d->state) {
    case AGG_DAY_COMPLETE:
        out[0] = '\0';
        break;
    case AGG_DAY_BEFORE:
        (void)px_fmt_date(a->complete_from, day);
        snprintf(out, AGG_WHY, "raw rows are complete from %s on (px_settings: raw_complete_from)",
                 day);
        break;
    case AGG_DAY_MISSING:
        snprintf(out, AGG_WHY,
                 "raw rows are missing: Raw:Store was off, or rows of events were removed (%lld "
                 "counted events have none)",
                 (long long)a->missing);
        break;
    case AGG_DAY_DISPUTED:
        snprintf(out, AGG_WHY,
                 "raw rows may be missing: %.40s has counted more than there are, %.40s has not; "
                 "put the wrong one right by hand (docs/RECONCILE.md)",
                 d->more, d->less);
        break;
    case AGG_DAY_UNVOUCHED:
        snprintf(out, AGG_WHY,
                 "nobody can say if raw rows are complete: daily_metrics, event_summary, "
                 "minute_summary are not in rollups.yaml or have no rows of then; put one back, or "
                 "ask for later days");
        break;
    }
}
