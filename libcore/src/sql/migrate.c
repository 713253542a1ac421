/* The migration runner: compares the files with px_schema_migrations and applies what is missing,
 * each file and its row in one transaction. State is read again inside that transaction, so two
 * runners at once apply nothing twice. Must not repair drift: it names the file and stops. */
#include <px/clock.h>
#include <px/mem.h>
#include <px/migrate.h>
#include <px/num.h>

#include "internal.h"

#include <stdio.h>

#define APPLIED_MAX 9999

struct applied {
    int version;
    char name[PX_MIGRATION_NAME];
    char checksum[65];
};
struct history {
    struct applied *v;
    size_t n;
};

static void history_fini(struct history *h) {
    px_free(h->v);
    *h = (struct history){.v = NULL};
}

static enum px_code add_applied(struct history *h, const struct px_stmt *st,
                                struct px_err *reterr) {
    struct applied a = {.version = (int)px_col_i64(st, 0)};
    if (!px_str_copy(px_col_text(st, 1), a.name, sizeof a.name) ||
        !px_str_copy(px_col_text(st, 2), a.checksum, sizeof a.checksum)) {
        return PX_FAIL(reterr, PX_SCHEMA, "px_schema_migrations: a name or checksum is too long");
    }
    struct applied *v = h->n < APPLIED_MAX ? px_realloc(h->v, (h->n + 1) * sizeof *v) : NULL;
    if (!v) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the migrations' history");
    }
    h->v = v;
    v[h->n++] = a;
    return PX_OK;
}

/* Without the table nothing was ever applied. */
static enum px_code history_load(struct px_sql *s, struct history *ret, struct px_err *reterr) {
    static const struct px_str sql =
        PX_S_INIT("SELECT version, name, checksum FROM px_schema_migrations ORDER BY version");
    struct px_stmt *st = NULL;
    struct px_err e = PX_ERR_INIT;
    PX_DEFER(history_fini) struct history h = {.v = NULL};
    enum px_code code = px_sql_prepare(s, sql, &st, &e);
    code = code ? code : px_stmt_run(st, &e);
    while (!code && !(code = px_stmt_next(st, &e))) {
        code = add_applied(&h, st, &e);
    }
    px_stmt_free(st);
    if (code == PX_NO_ROW || (code == PX_SCHEMA && h.n == 0)) {
        *ret = h;
        h = (struct history){.v = NULL};
        return PX_OK;
    }
    if (reterr) {
        *reterr = e;
    }
    return code;
}

static const struct applied *find_applied(const struct history *h, int version) {
    for (size_t i = 0; i < h->n; i++) {
        if (h->v[i].version == version) {
            return &h->v[i];
        }
    }
    return NULL;
}

static const struct px_migration *find_file(const struct px_migrations *m, int version) {
    for (size_t i = 0; i < m->n; i++) {
        if (m->v[i].version == version) {
            return &m->v[i];
        }
    }
    return NULL;
}

static void compare(const struct px_migrations *m, const struct history *h,
                    struct px_migration_state *ret) {
    *ret = (struct px_migration_state){.available = m->n ? m->v[m->n - 1].version : 0,
                                       .stored = h->n ? h->v[h->n - 1].version : 0};
    for (size_t i = 0; i < m->n; i++) {
        ret->pending += find_applied(h, m->v[i].version) ? 0 : 1;
    }
    for (size_t i = 0; i < h->n && !ret->drift[0]; i++) {
        const struct px_migration *f = find_file(m, h->v[i].version);
        if (!f) {
            (void)snprintf(ret->drift, sizeof ret->drift,
                           "%.90s was applied, but is not among the files", h->v[i].name);
        } else if (strcmp(f->checksum, h->v[i].checksum) != 0) {
            (void)snprintf(ret->drift, sizeof ret->drift,
                           "%.90s was changed after it had been applied", f->name);
        }
    }
}

enum px_code px_migrate_status(struct px_sql *s, const char *dir, struct px_migration_state *ret,
                               struct px_err *reterr) {
    PX_DEFER(px_migrations_fini) struct px_migrations m = {.v = NULL};
    PX_DEFER(history_fini) struct history h = {.v = NULL};
    enum px_code code = px_migrations_load(dir, px_sql_dialect(s)->name, &m, reterr);
    code = code ? code : history_load(s, &h, reterr);
    if (!code) {
        compare(&m, &h, ret);
    }
    return code;
}

static void print_plan(const struct px_migration *f, struct px_buf *out) {
    PX_DEFER(px_buf_fini) struct px_buf one = PX_BUF_INIT(PX_SQL_TEXT_MAX);
    size_t at = 0;
    px_buf_printf(out, "-- %s\n", f->name);
    while (px_split_next(px_buf_view(&f->text), &at, &one)) {
        px_buf_str(out, px_buf_view(&one));
        px_buf_c(out, ";\n");
    }
}

enum px_code px_migrate_text(struct px_sql *s, const char *dir, bool plan, struct px_buf *out,
                             struct px_err *reterr) {
    PX_DEFER(px_migrations_fini) struct px_migrations m = {.v = NULL};
    PX_DEFER(history_fini) struct history h = {.v = NULL};
    enum px_code code = px_migrations_load(dir, px_sql_dialect(s)->name, &m, reterr);
    code = code ? code : history_load(s, &h, reterr);
    if (code) {
        return code;
    }
    struct px_migration_state state;
    compare(&m, &h, &state);
    for (size_t i = 0; i < m.n; i++) {
        bool done = find_applied(&h, m.v[i].version) != NULL;
        if (!plan) {
            px_buf_printf(out, "%-8s %s\n", done ? "applied" : "pending", m.v[i].name);
        } else if (!done) {
            print_plan(&m.v[i], out);
        }
    }
    if (!plan) {
        px_buf_printf(out, "%s: %zu applied, %d pending\n", px_sql_dialect(s)->name, h.n,
                      state.pending);
    } else if (state.pending == 0) {
        px_buf_c(out, "-- nothing is pending\n");
    }
    if (state.drift[0]) {
        px_buf_printf(out, "%sDRIFT: %s\n", plan ? "-- " : "", state.drift);
    }
    return px_buf_ok(out, reterr);
}

/* --- up
 * -------------------------------------------------------------------------------------------- */

static enum px_code run_statements(struct px_sql *s, const struct px_migration *f,
                                   struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf one = PX_BUF_INIT(PX_SQL_TEXT_MAX);
    size_t at = 0;
    int n = 0;
    while (px_split_next(px_buf_view(&f->text), &at, &one)) {
        n++;
        if (px_sql_exec(s, px_buf_view(&one), reterr)) {
            return px_err_context(reterr, "%.60s, statement %d", f->name, n);
        }
    }
    return px_buf_ok(&one, reterr);
}

static enum px_code note_applied(struct px_sql *s, const struct px_migration *f, px_us took,
                                 struct px_err *reterr) {
    static const struct px_str sql =
        PX_S_INIT("INSERT INTO px_schema_migrations (version, name, checksum, applied_at, "
                  "duration_ms) VALUES (CAST(? AS bigint), CAST(? AS text), CAST(? AS text), "
                  "CAST(CURRENT_TIMESTAMP AS text), CAST(? AS bigint))");
    struct px_stmt *st = NULL;
    enum px_code code = px_sql_prepare(s, sql, &st, reterr);
    if (code) {
        return code;
    }
    px_bind_i64(st, 0, f->version);
    px_bind_i64(st, 3, took / PX_US_PER_MS);
    code = px_bind_text(st, 1, px_str_c(f->name), reterr);
    code = code ? code : px_bind_text(st, 2, px_str_c(f->checksum), reterr);
    code = code ? code : px_stmt_run(st, reterr);
    px_stmt_free(st);
    return code;
}

/* Inside the transaction: another runner may have been here in the meantime. */
static enum px_code apply_in_tx(struct px_sql *s, const struct px_migration *f, bool *ret_done,
                                struct px_err *reterr) {
    PX_DEFER(history_fini) struct history h = {.v = NULL};
    enum px_code code = history_load(s, &h, reterr);
    if (code || find_applied(&h, f->version)) {
        return code;
    }
    px_us start = px_mono(&px_clock_system);
    code = run_statements(s, f, reterr);
    code = code ? code : note_applied(s, f, px_mono(&px_clock_system) - start, reterr);
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

static enum px_code up_locked(struct px_sql *s, const struct px_migrations *m, struct px_buf *out,
                              struct px_err *reterr) {
    static const struct px_str create = PX_S_INIT(
        "CREATE TABLE IF NOT EXISTS px_schema_migrations (version bigint PRIMARY KEY, name text "
        "NOT NULL, checksum text NOT NULL, applied_at text NOT NULL, duration_ms bigint NOT NULL)");
    PX_DEFER(history_fini) struct history h = {.v = NULL};
    struct px_migration_state state;
    enum px_code code = px_sql_exec(s, create, reterr);
    code = code ? code : history_load(s, &h, reterr);
    if (code) {
        return code;
    }
    compare(m, &h, &state);
    if (state.drift[0]) {
        return PX_FAIL(reterr, PX_SCHEMA, "%.100s; restore the file, add a new one for changes",
                       state.drift);
    }
    for (size_t i = 0; i < m->n && !code; i++) {
        code = find_applied(&h, m->v[i].version) ? PX_OK : apply(s, &m->v[i], out, reterr);
    }
    return code;
}

static enum px_code migrate_lock(struct px_sql *s, bool take, struct px_err *reterr) {
    const struct px_dialect *d = px_sql_dialect(s);
    return d->migrate_lock ? d->migrate_lock(s, take, reterr) : PX_OK;
}

enum px_code px_migrate_up(struct px_sql *s, const char *dir, struct px_buf *out,
                           struct px_err *reterr) {
    PX_DEFER(px_migrations_fini) struct px_migrations m = {.v = NULL};
    enum px_code code = px_migrations_load(dir, px_sql_dialect(s)->name, &m, reterr);
    code = code ? code : migrate_lock(s, true, reterr);
    if (code) {
        return code;
    }
    code = up_locked(s, &m, out, reterr);
    enum px_code unlocked = migrate_lock(s, false, code ? NULL : reterr);
    code = code ? code : unlocked;
    return code ? code : px_buf_ok(out, reterr);
}
