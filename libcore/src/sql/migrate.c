/* The migration runner: compares the files with px_schema_migrations and applies what is missing,
 * each file and its row in one transaction. State is read again inside that transaction, so two
 * runners at once apply nothing twice. Must not repair drift: it names the file and stops. */
#include "migrate_priv.h"

#include <px/mem.h>

#include <stdio.h>

const struct px_migration *px_migrations_find(const struct px_migrations *m, int version) {
    for (size_t i = 0; i < m->n; i++) {
        if (m->v[i].version == version) {
            return &m->v[i];
        }
    }
    return NULL;
}

/* A version above the files is a newer release's; one that is missing among them is drift. */
static void compare_applied(const struct px_applied *a, const struct px_migrations *m,
                            struct px_migration_state *ret) {
    const struct px_migration *f = px_migrations_find(m, a->version);
    int wants = a->runs_with_from > 0 ? a->runs_with_from : a->version;
    if (a->version > ret->available) {
        ret->wants = wants > ret->wants ? wants : ret->wants;
    } else if (!f) {
        (void)snprintf(ret->drift, sizeof ret->drift,
                       "%.90s was applied, but is not among the files", a->name);
    } else if (strcmp(f->checksum, a->checksum) != 0) {
        (void)snprintf(ret->drift, sizeof ret->drift, "%.90s was changed after it had been applied",
                       f->name);
    }
}

void px_history_compare(const struct px_migrations *m, const struct px_history *h,
                        struct px_migration_state *ret) {
    *ret = (struct px_migration_state){.available = m->n ? m->v[m->n - 1].version : 0,
                                       .stored = h->n ? h->v[h->n - 1].version : 0};
    for (size_t i = 0; i < m->n; i++) {
        ret->pending += px_history_find(h, m->v[i].version) ? 0 : 1;
    }
    for (size_t i = 0; i < h->n && !ret->drift[0]; i++) {
        compare_applied(&h->v[i], m, ret);
    }
}

/* Files and database side by side. */
struct standing {
    struct px_migrations m;
    struct px_history h;
    struct px_migration_state state;
};

static void standing_fini(struct standing *st) {
    px_history_fini(&st->h);
    px_migrations_fini(&st->m);
}

static enum px_code look(struct px_sql *s, const char *dir, struct standing *st,
                         struct px_err *reterr) {
    struct px_foreign foreign = {.there = false};
    enum px_code code = px_migrations_load(dir, px_sql_dialect(s)->name, &st->m, reterr);
    code = code ? code : px_history_load(s, &st->h, reterr);
    if (!code && st->h.n == 0) {
        code = px_foreign_load(s, &foreign, reterr);
    }
    if (!code) {
        px_history_compare(&st->m, &st->h, &st->state);
        st->state.foreign = foreign.there;
    }
    return code;
}

enum px_code px_migrate_status(struct px_sql *s, const char *dir, struct px_migration_state *ret,
                               struct px_err *reterr) {
    PX_DEFER(standing_fini) struct standing st = {.m = {.v = NULL}};
    enum px_code code = look(s, dir, &st, reterr);
    if (!code) {
        *ret = st.state;
    }
    return code;
}

enum px_code px_migrate_fits(const struct px_migration_state *st, char *ret_text, size_t cap,
                             struct px_err *reterr) {
    if (st->foreign) {
        return PX_FAIL(reterr, PX_SCHEMA,
                       "golang-migrate made this database, and nothing says which files it "
                       "applied: run svc-aggregator --migrate=adopt");
    }
    if (st->drift[0]) {
        return PX_FAIL(reterr, PX_SCHEMA, "the database does not match the migrations: %s",
                       st->drift);
    }
    if (st->stored > st->available && st->wants > st->available) {
        return PX_FAIL(reterr, PX_SCHEMA,
                       "the schema is at version %d and wants programs that know %d, this one "
                       "knows %d: run the release that belongs to it",
                       st->stored, st->wants, st->available);
    }
    if (st->pending > 0) {
        return PX_FAIL(reterr, PX_SCHEMA,
                       "the schema is at version %d, this program needs %d: run svc-aggregator "
                       "--migrate=up",
                       st->stored, st->available);
    }
    if (st->stored > st->available) {
        (void)snprintf(ret_text, cap, "version %d, which lets programs of version %d go on",
                       st->stored, st->available);
    } else {
        (void)snprintf(ret_text, cap, "version %d", st->stored);
    }
    return PX_OK;
}

/* --- for people --------------------------------------------------------------------------------
 */

static void print_plan(const struct px_migration *f, struct px_buf *out) {
    PX_DEFER(px_buf_fini) struct px_buf one = PX_BUF_INIT(PX_SQL_TEXT_MAX);
    size_t at = 0;
    px_buf_printf(out, "-- %s\n", f->name);
    while (px_split_next(px_buf_view(&f->text), &at, &one)) {
        px_buf_str(out, px_buf_view(&one));
        px_buf_c(out, ";\n");
    }
}

static void list(const struct px_migrations *m, const struct px_history *h, const char *dialect,
                 struct px_buf *out) {
    size_t pending = 0;
    for (size_t i = 0; i < m->n; i++) {
        bool done = px_history_find(h, m->v[i].version) != NULL;
        pending += done ? 0 : 1;
        px_buf_printf(out, "%-8s %s\n", done ? "applied" : "pending", m->v[i].name);
    }
    for (size_t i = 0; i < h->n; i++) {
        if (m->n == 0 || h->v[i].version > m->v[m->n - 1].version) {
            px_buf_printf(out, "newer    %s\n", h->v[i].name);
        }
    }
    px_buf_printf(out, "%s: %zu applied, %zu pending\n", dialect, h->n, pending);
}

static void plan_of(const struct px_migrations *m, const struct px_history *h, struct px_buf *out) {
    bool any = false;
    for (size_t i = 0; i < m->n; i++) {
        if (!px_history_find(h, m->v[i].version)) {
            print_plan(&m->v[i], out);
            any = true;
        }
    }
    if (!any) {
        px_buf_c(out, "-- nothing is pending\n");
    }
}

enum px_code px_migrate_text(struct px_sql *s, const char *dir, bool plan, struct px_buf *out,
                             struct px_err *reterr) {
    PX_DEFER(standing_fini) struct standing st = {.m = {.v = NULL}};
    enum px_code code = look(s, dir, &st, reterr);
    if (code) {
        return code;
    }
    if (plan) {
        plan_of(&st.m, &st.h, out);
    } else {
        list(&st.m, &st.h, px_sql_dialect(s)->name, out);
    }
    if (st.state.drift[0]) {
        px_buf_printf(out, "%sDRIFT: %s\n", plan ? "-- " : "", st.state.drift);
    }
    if (st.state.foreign) {
        px_buf_printf(out,
                      "%sgolang-migrate made this database: go on with it, or --migrate=adopt\n",
                      plan ? "-- " : "");
    }
    return px_buf_ok(out, reterr);
}

enum px_code px_migrate_text_absent(const struct px_dialect *d, const char *dir, bool plan,
                                    struct px_buf *out, struct px_err *reterr) {
    PX_DEFER(px_migrations_fini) struct px_migrations m = {.v = NULL};
    static const struct px_history nothing = {.v = NULL};
    enum px_code code = px_migrations_load(dir, d->name, &m, reterr);
    if (code) {
        return code;
    }
    if (plan) {
        plan_of(&m, &nothing, out);
    } else {
        list(&m, &nothing, d->name, out);
    }
    return px_buf_ok(out, reterr);
}

/* --- up ----------------------------------------------------------------------------------------
 */

enum px_code px_migration_run(struct px_sql *s, const char *name, struct px_str text,
                              struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf one = PX_BUF_INIT(PX_SQL_TEXT_MAX);
    size_t at = 0;
    int n = 0;
    while (px_split_next(text, &at, &one)) {
        n++;
        if (px_sql_exec(s, px_buf_view(&one), reterr)) {
            return px_err_context(reterr, "%.60s, statement %d", name, n);
        }
    }
    return px_buf_ok(&one, reterr);
}

/* Inside the transaction: another runner may have been here in the meantime. */
static enum px_code apply_in_tx(struct px_sql *s, const struct px_migration *f, bool *ret_done,
                                struct px_err *reterr) {
    PX_DEFER(px_history_fini) struct px_history h = {.v = NULL};
    enum px_code code = px_history_load(s, &h, reterr);
    if (code || px_history_find(&h, f->version)) {
        return code;
    }
    px_us start = px_mono(&px_clock_system);
    code = px_migration_run(s, f->name, px_buf_view(&f->text), reterr);
    code = code ? code : px_history_note(s, f, px_mono(&px_clock_system) - start, reterr);
    *ret_done = !code;
    return code;
}

static enum px_code apply(struct px_sql *s, const struct px_migration *f, struct px_buf *out,
                          struct px_err *reterr) {
    enum px_outcome outcome = PX_ROLLED_BACK;
    bool done = false;
    enum px_code code = px_tx_begin(s, reterr);
    if (code) {
        return code;
    }
    code = apply_in_tx(s, f, &done, reterr);
    if (code) {
        px_tx_rollback(s);
        return code;
    }
    code = px_tx_commit(s, &outcome, reterr);
    if (!code && done) {
        px_buf_printf(out, "applied %s\n", f->name);
    }
    return code;
}

static enum px_code not_foreign(struct px_sql *s, struct px_err *reterr) {
    struct px_foreign f;
    enum px_code code = px_foreign_load(s, &f, reterr);
    if (code || !f.there) {
        return code;
    }
    return PX_FAIL(reterr, PX_SCHEMA,
                   "golang-migrate made this database (schema_migrations says version %d): go on "
                   "with it, or take it over with --migrate=adopt",
                   f.version);
}

static enum px_code may_go_up(const struct px_migrations *m, const struct px_history *h,
                              struct px_err *reterr) {
    struct px_migration_state state;
    px_history_compare(m, h, &state);
    if (state.drift[0]) {
        return PX_FAIL(reterr, PX_SCHEMA, "%.100s; restore the file, add a new one for changes",
                       state.drift);
    }
    if (state.stored > state.available) {
        return PX_FAIL(reterr, PX_SCHEMA,
                       "%.100s is applied and newer than the files of this program: migrate with "
                       "the release that it belongs to",
                       h->v[h->n - 1].name);
    }
    return PX_OK;
}

static enum px_code up_alone(struct px_sql *s, const struct px_migrate_job *job, struct px_buf *out,
                             struct px_err *reterr) {
    const struct px_migrations *m = job->files;
    PX_DEFER(px_history_fini) struct px_history h = {.v = NULL};
    enum px_code code = px_history_load(s, &h, reterr);
    if (!code && h.n == 0) {
        code = not_foreign(s, reterr);
    }
    code = code ? code : may_go_up(m, &h, reterr);
    code = code ? code : px_history_prepare(s, reterr);
    for (size_t i = 0; i < m->n && !code; i++) {
        code = px_history_find(&h, m->v[i].version) ? PX_OK : apply(s, &m->v[i], out, reterr);
    }
    return code;
}

static enum px_code lock(struct px_sql *s, bool take, struct px_err *reterr) {
    const struct px_dialect *d = px_sql_dialect(s);
    return d->migrate_lock ? d->migrate_lock(s, take, reterr) : PX_OK;
}

enum px_code px_migrate_alone(struct px_sql *s, struct px_migrate_job job, struct px_buf *out,
                              struct px_err *reterr) {
    PX_DEFER(px_migrations_fini) struct px_migrations m = {.v = NULL};
    enum px_code code = px_migrations_load(job.dir, px_sql_dialect(s)->name, &m, reterr);
    code = code ? code : lock(s, true, reterr);
    if (code) {
        return code;
    }
    job.files = &m;
    code = job.work(s, &job, out, reterr);
    enum px_code unlocked = lock(s, false, code ? NULL : reterr);
    code = code ? code : unlocked;
    return code ? code : px_buf_ok(out, reterr);
}

enum px_code px_migrate_up(struct px_sql *s, const char *dir, struct px_buf *out,
                           struct px_err *reterr) {
    const struct px_migrate_job up = {.dir = dir, .work = up_alone};
    return px_migrate_alone(s, up, out, reterr);
}
