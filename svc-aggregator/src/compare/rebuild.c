/* --rebuild: plan in one snapshot what differs and whether raw rows are complete, then mend piece
 * by piece (mend.c), and say what changed. A database that agrees with itself is only read. */
#include "mend.h"
#include "reconcile.h"

#include <px/mem.h>
#include <px/num.h>

#include <stdio.h>

const struct px_app_param agg_rebuild_params[4] = {
    {.name = "from", .value = "DATE", .help = "First day to look at, YYYY-MM-DD."},
    {.name = "to", .value = "DATE", .help = "Last day to look at; both left out: all."},
    {.name = "dry-run", .help = "Say what would change, change nothing."},
    {.name = "json", .help = "One JSON object per line."},
};

struct piece { /* one table and day that differs */
    size_t rollup;
    struct px_window w;
    bool whole;
    struct agg_tally t;
};
struct plan {
    struct agg_audit *a;
    struct piece *v;
    size_t n, room;
    struct agg_tally ledger; /* what mending it would do */
    int64_t ledger_wrong, unmended;
};

/* --- planning --------------------------------------------------------------------------------- */
static enum px_code refuse_incomplete(const struct agg_audit *a, struct px_err *reterr) {
    for (size_t i = 0; i < a->days.n; i++) {
        const struct agg_day *d = &a->days.v[i];
        if (d->state != AGG_DAY_COMPLETE) {
            char day[PX_TIME_TEXT], why[AGG_WHY];
            (void)px_fmt_date(d->w.first, day);
            agg_audit_why(a, d, why);
            return PX_FAIL(reterr, PX_INVALID, "%s cannot be rebuilt: %s", day, why);
        }
    }
    return PX_OK;
}

static void list_left_alone(struct agg_audit *a) {
    for (size_t i = 0; i < a->days.n; i++) {
        const struct agg_day *d = &a->days.v[i];
        const px_day days[2] = {d->w.first, d->w.last};
        char why[AGG_WHY];
        if (d->state != AGG_DAY_COMPLETE) {
            agg_audit_why(a, d, why);
            agg_report_unchecked(&a->report, "days", days, why);
        }
    }
}

static enum px_code note(struct plan *p, const struct piece *piece, struct px_err *reterr) {
    if (p->n == p->room) {
        size_t room = p->room ? 2 * p->room : 64;
        struct piece *v = px_realloc(p->v, room * sizeof *v);
        if (!v) {
            return PX_FAIL(reterr, PX_NOMEM, "no memory for %zu days that differ", room);
        }
        p->v = v;
        p->room = room;
    }
    p->v[p->n++] = *piece;
    return PX_OK;
}

static enum px_code look(struct plan *p, struct piece *piece, struct px_err *reterr) {
    enum px_code rc = agg_recount_tally(&p->a->v[piece->rollup], &piece->w, &piece->t, reterr);
    if (piece->whole && agg_audit_partial(p->a)) {
        piece->t.missing = 0; /* not inserted: what came before the raw rows is not known */
    }
    return rc == PX_OK && agg_tally_differences(&piece->t) ? note(p, piece, reterr) : rc;
}

static enum px_code plan_rollup(struct plan *p, size_t rollup, struct px_err *reterr) {
    struct agg_audit *a = p->a;
    struct agg_recount *rc = &a->v[rollup];
    struct piece piece = {.rollup = rollup, .whole = !rc->by_day && !rc->by_bucket};
    const char *why = NULL;
    if (!agg_audit_exact(a, rc, &why)) {
        agg_report_unchecked(&a->report, rc->id, NULL, why);
        return PX_OK;
    }
    if (piece.whole) {
        if (!agg_audit_whole(a, rc, &piece.w, &why)) {
            agg_report_unchecked(&a->report, rc->id, NULL, why);
            return PX_OK;
        }
        return look(p, &piece, reterr);
    }
    enum px_code code = PX_OK;
    for (size_t i = 0; code == PX_OK && i < a->days.n; i++) {
        if (agg_audit_window(a, rc, i, &piece.w) && piece.w.first >= rc->kept_from) {
            code = look(p, &piece, reterr);
        }
    }
    return code;
}

static void plan_ledger(struct plan *p, const struct agg_accounts *accounts) {
    for (size_t i = 0; i < accounts->n; i++) {
        struct agg_account right;
        const struct agg_account *a = &accounts->v[i];
        enum agg_verdict v = agg_account_judge(a, p->a->complete_from == 0, &right);
        p->unmended += v == AGG_UNPROVEN ? 1 : 0;
        p->ledger_wrong += v == AGG_PROVEN ? 1 : 0;
        if (v == AGG_PROVEN) {
            p->ledger.extra += right.has_book ? 0 : 1;
            p->ledger.missing += a->has_book ? 0 : 1;
            p->ledger.changed += a->has_book && right.has_book ? 1 : 0;
        }
    }
}

static enum px_code make_plan(struct plan *p, struct px_err *reterr) {
    struct agg_audit *a = p->a;
    struct agg_accounts accounts = {0};
    bool ranged = a->span.from >= 0 || a->span.to >= 0;
    enum px_code rc = agg_accounts_load(a->s, &accounts, reterr);
    rc = rc == PX_OK ? agg_audit_days(a, &accounts, reterr) : rc;
    if (rc == PX_OK) {
        plan_ledger(p, &accounts);
    }
    agg_accounts_fini(&accounts);
    rc = rc == PX_OK && ranged ? refuse_incomplete(a, reterr) : rc;
    if (rc == PX_OK) {
        list_left_alone(a);
    }
    for (size_t i = 0; rc == PX_OK && i < a->n; i++) {
        rc = plan_rollup(p, i, reterr);
    }
    return rc;
}

/* --- carrying it out -------------------------------------------------------------------------- */
static enum px_code carry_out(struct plan *p, struct px_err *reterr) {
    struct agg_audit *a = p->a;
    enum px_code rc = PX_OK;
    if (p->n > 0 || p->ledger_wrong > 0) {
        rc = agg_audit_connect(a, PX_SQL_WRITE, reterr);
    }
    for (size_t i = 0; rc == PX_OK && i < p->n; i++) {
        struct piece *piece = &p->v[i];
        struct agg_mend m = {.rollup = piece->rollup,
                             .rc = a->s ? &a->v[piece->rollup] : NULL,
                             .w = &piece->w,
                             .whole = piece->whole,
                             .planned_rows = agg_tally_differences(&piece->t)};
        for (size_t k = 0; k < PX_RECOUNT_MEASURES; k++) {
            m.planned[k] = piece->t.sum_stored[k] - piece->t.sum_computed[k];
        }
        rc = agg_mend_window(a, &m, reterr);
        piece->t = piece->whole ? piece->t : m.before;
    }
    if (rc == PX_OK && p->ledger_wrong > 0) {
        struct agg_mend m = {.rollup = 0};
        rc = agg_mend_ledger(a, &m, reterr);
        p->ledger = m.before;
        p->unmended = m.unmended;
    }
    return rc;
}

/* --- the report ------------------------------------------------------------------------------- */
static int64_t report_rollup(struct plan *p, size_t rollup) {
    const struct px_rollup *r = px_rollups_get(p->a->agg->rollups, rollup);
    struct agg_tally t = {0};
    char id[96], names[2 * PX_RECOUNT_MEASURES][96];
    struct agg_fact facts[3 + 2 * PX_RECOUNT_MEASURES];
    for (size_t i = 0; i < p->n; i++) {
        if (p->v[i].rollup == rollup) {
            agg_tally_add(&t, &p->v[i].t);
        }
    }
    size_t n = 0;
    facts[n++] = (struct agg_fact){"rows added", t.missing};
    facts[n++] = (struct agg_fact){"changed", t.changed};
    facts[n++] = (struct agg_fact){"removed", t.extra};
    for (size_t i = 0; i < r->nmeasures && agg_tally_differences(&t); i++) {
        if (!r->measures[i].of_time) {
            snprintf(names[2 * i], sizeof names[0], "%s before", r->measures[i].column);
            snprintf(names[2 * i + 1], sizeof names[0], "%s after", r->measures[i].column);
            facts[n++] = (struct agg_fact){names[2 * i], t.sum_stored[i]};
            facts[n++] = (struct agg_fact){names[2 * i + 1], t.sum_computed[i]};
        }
    }
    snprintf(id, sizeof id, "rollup.%s", r->name);
    agg_report_check(&p->a->report, id, true, facts, n);
    return agg_tally_differences(&t);
}

static void report(struct plan *p, bool dry) {
    struct agg_report *r = &p->a->report;
    int64_t rows = agg_tally_differences(&p->ledger);
    for (size_t i = 0; i < px_rollups_count(p->a->agg->rollups); i++) {
        rows += report_rollup(p, i);
    }
    const struct agg_fact facts[] = {{"rows added", p->ledger.missing},
                                     {"changed", p->ledger.changed},
                                     {"removed", p->ledger.extra},
                                     {"wrong and not proven by raw rows", p->unmended}};
    agg_report_check(r, "partition_ledger", p->unmended == 0, facts, PX_ARRAY_LEN(facts));
    char text[96] = "nothing to change";
    if (rows > 0) {
        snprintf(text, sizeof text, "%lld rows %s", (long long)rows,
                 dry ? "would change" : "changed");
    }
    agg_report_end(r, rows == 0 ? "nothing" : dry ? "dry-run" : "changed", text, rows);
}

static enum px_code run(struct plan *p, bool dry, struct px_err *reterr) {
    struct agg_audit *a = p->a;
    a->careful = true;
    enum px_code rc = agg_audit_open(a, PX_SQL_READ, reterr);
    rc = rc == PX_OK ? px_tx_begin(a->s, reterr) : rc;
    rc = rc == PX_OK ? make_plan(p, reterr) : rc;
    agg_audit_disconnect(a);
    rc = rc == PX_OK && !dry ? carry_out(p, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    report(p, dry);
    rc = agg_report_print(&a->report, reterr);
    return rc == PX_OK && p->unmended > 0 ? PX_DIFFERS : rc;
}

enum px_code agg_rebuild(void *svc, const char *arg, struct px_err *reterr) {
    struct agg *agg = svc;
    struct agg_audit a;
    struct plan p = {.a = &a};
    (void)arg;
    enum px_code rc = agg_audit_init(&a, agg, "rebuild", reterr);
    rc = rc == PX_OK ? run(&p, px_app_param(agg->app, "dry-run") != NULL, reterr) : rc;
    agg_audit_fini(&a);
    px_free(p.v);
    return px_sql_as(rc, "run it as the user that migrates", reterr);
}
