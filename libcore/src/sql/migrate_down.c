/* The ways back and across: undo the last migration by its .down.sql, and take over what
 * golang-migrate applied. Whether undoing loses rows is told by its effect, inside the transaction
 * that does it: tables that held rows and are gone, empty, or lack a column afterwards. */
#include "migrate_priv.h"

#include <px/mem.h>

#include <stdio.h>

#define NAME_ROOM   64 /* identifiers of PostgreSQL end at 63 */
#define COLUMNS_MAX 10000

struct column {
    char table[NAME_ROOM], name[NAME_ROOM];
    bool filled; /* its table holds rows */
};
struct shape { /* sorted by table, then name */
    struct column *v;
    size_t n;
};

static void shape_fini(struct shape *sh) {
    px_free(sh->v);
    *sh = (struct shape){.v = NULL};
}

static enum px_code add_column(struct shape *sh, const struct px_stmt *st, struct px_err *reterr) {
    struct column c = {.filled = false};
    if (!px_str_copy(px_col_text(st, 0), c.table, sizeof c.table) ||
        !px_str_copy(px_col_text(st, 1), c.name, sizeof c.name)) {
        return PX_FAIL(reterr, PX_SCHEMA, "a table or column has too long a name");
    }
    struct column *v = sh->n < COLUMNS_MAX ? px_realloc(sh->v, (sh->n + 1) * sizeof *v) : NULL;
    if (!v) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the tables' columns");
    }
    sh->v = v;
    v[sh->n++] = c;
    return PX_OK;
}

static enum px_code has_rows(struct px_sql *s, const char *table, bool *ret,
                             struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(256);
    struct px_stmt *st = NULL;
    px_buf_c(&text, "SELECT CASE WHEN EXISTS (SELECT 1 FROM ");
    px_render_ident(&text, table);
    px_buf_c(&text, ") THEN 1 ELSE 0 END");
    enum px_code code = px_buf_ok(&text, reterr);
    code = code ? code : px_sql_prepare(s, px_buf_view(&text), &st, reterr);
    code = code ? code : px_stmt_run(st, reterr);
    code = code ? code : px_stmt_next(st, reterr);
    *ret = code == PX_OK && px_col_i64(st, 0) == 1;
    px_stmt_free(st);
    return code;
}

static enum px_code look_into(struct px_sql *s, struct shape *sh, struct px_err *reterr) {
    bool filled = false;
    for (size_t i = 0; i < sh->n; i++) {
        struct column *c = &sh->v[i];
        if (i == 0 || strcmp(c->table, c[-1].table) != 0) {
            enum px_code code = has_rows(s, c->table, &filled, reterr);
            if (code) {
                return code;
            }
        }
        c->filled = filled;
    }
    return PX_OK;
}

static enum px_code shape_load(struct px_sql *s, struct shape *ret, struct px_err *reterr) {
    PX_DEFER(shape_fini) struct shape sh = {.v = NULL};
    struct px_stmt *st = NULL;
    enum px_code code = px_sql_prepare(s, px_str_c(s->dialect->columns), &st, reterr);
    code = code ? code : px_stmt_run(st, reterr);
    while (!code && !(code = px_stmt_next(st, reterr))) {
        code = add_column(&sh, st, reterr);
    }
    px_stmt_free(st);
    code = code == PX_NO_ROW ? look_into(s, &sh, reterr) : code;
    if (!code) {
        *ret = sh;
        sh = (struct shape){.v = NULL};
    }
    return code;
}

static bool keeps(const struct shape *after, const struct column *c) {
    for (size_t i = 0; i < after->n; i++) {
        const struct column *a = &after->v[i];
        if (strcmp(a->table, c->table) == 0 && strcmp(a->name, c->name) == 0) {
            return a->filled || !c->filled;
        }
    }
    return !c->filled;
}

/* Refuses when a table that held rows lost any of its columns or all of its rows. */
static enum px_code loses_nothing(const struct shape *before, const struct shape *after,
                                  const char *file, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf names = PX_BUF_INIT(COLUMNS_MAX * NAME_ROOM);
    const char *last = "px_schema_migrations"; /* the runner's own */
    size_t n = 0;
    for (size_t i = 0; i < before->n; i++) {
        const struct column *c = &before->v[i];
        if (strcmp(c->table, last) != 0 && strcmp(c->table, "px_schema_migrations") != 0 &&
            !keeps(after, c)) {
            px_buf_printf(&names, "%s%s", n++ ? ", " : "", c->table);
            last = c->table;
        }
    }
    if (n == 0) {
        return PX_OK;
    }
    return PX_FAIL(reterr, PX_CONFIG,
                   "%.50s would lose rows of %.90s: make a backup, then --migrate=down --yes", file,
                   px_buf_cstr(&names));
}

struct step {
    const struct px_migration *file;
    struct px_str text; /* of its .down.sql */
    bool lose_rows;
};

static enum px_code undo_in_tx(struct px_sql *s, const struct step *step, struct px_err *reterr) {
    PX_DEFER(px_history_fini) struct px_history h = {.v = NULL};
    PX_DEFER(shape_fini) struct shape before = {.v = NULL};
    PX_DEFER(shape_fini) struct shape after = {.v = NULL};
    enum px_code code = px_history_load(s, &h, reterr);
    if (!code && (h.n == 0 || h.v[h.n - 1].version != step->file->version)) {
        return PX_FAIL(reterr, PX_SQL_RETRY, "another migrator was here; look at --migrate=status");
    }
    code = code ? code : shape_load(s, &before, reterr);
    code = code ? code : px_migration_run(s, step->file->name, step->text, reterr);
    code = code ? code : shape_load(s, &after, reterr);
    if (!code && !step->lose_rows) {
        code = loses_nothing(&before, &after, step->file->name, reterr);
    }
    return code ? code : px_history_forget(s, step->file->version, reterr);
}

static enum px_code undo(struct px_sql *s, const struct step *step, struct px_buf *out,
                         struct px_err *reterr) {
    enum px_outcome outcome = PX_ROLLED_BACK;
    enum px_code code = px_tx_begin(s, reterr);
    if (code) {
        return code;
    }
    code = undo_in_tx(s, step, reterr);
    if (code) {
        px_tx_rollback(s);
        return code;
    }
    code = px_tx_commit(s, &outcome, reterr);
    if (!code) {
        px_buf_printf(out, "undone %s\n", step->file->name);
    }
    return code;
}

/* The file of the last applied version, which must be the one that was applied. */
static enum px_code last_file(const struct px_migrations *m, const struct px_history *h,
                              const struct px_migration **ret, struct px_err *reterr) {
    struct px_migration_state state;
    px_history_compare(m, h, &state);
    if (state.drift[0]) {
        return PX_FAIL(reterr, PX_SCHEMA, "%.100s; restore the file first", state.drift);
    }
    const struct px_applied *last = &h->v[h->n - 1];
    const struct px_migration *f = px_migrations_find(m, last->version);
    if (!f) {
        return PX_FAIL(reterr, PX_SCHEMA,
                       "%.100s is newer than the files of this program: undo it with the release "
                       "that it belongs to",
                       last->name);
    }
    *ret = f;
    return PX_OK;
}

static enum px_code down_alone(struct px_sql *s, const struct px_migrate_job *job,
                               struct px_buf *out, struct px_err *reterr) {
    PX_DEFER(px_history_fini) struct px_history h = {.v = NULL};
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(1 << 20);
    struct step step = {.lose_rows = job->lose_rows};
    enum px_code code = px_history_load(s, &h, reterr);
    if (!code && h.n == 0) {
        px_buf_c(out, "nothing is applied\n");
        return PX_OK;
    }
    code = code ? code : last_file(job->files, &h, &step.file, reterr);
    code =
        code ? code
             : px_migration_down_text(job->dir, px_sql_dialect(s)->name, step.file, &text, reterr);
    if (code) {
        return code;
    }
    step.text = px_buf_view(&text);
    return undo(s, &step, out, reterr);
}

enum px_code px_migrate_down(struct px_sql *s, const char *dir, bool lose_rows, struct px_buf *out,
                             struct px_err *reterr) {
    const struct px_migrate_job down = {.dir = dir, .work = down_alone, .lose_rows = lose_rows};
    return px_migrate_alone(s, down, out, reterr);
}

/* --- adopt -------------------------------------------------------------------------------------
 */

static enum px_code may_adopt(struct px_sql *s, const struct px_migrations *m, int *ret_version,
                              struct px_err *reterr) {
    PX_DEFER(px_history_fini) struct px_history h = {.v = NULL};
    struct px_foreign f = {.there = false};
    enum px_code code = px_history_load(s, &h, reterr);
    code = code ? code : px_foreign_load(s, &f, reterr);
    if (code) {
        return code;
    }
    if (h.n > 0) {
        return PX_FAIL(reterr, PX_SCHEMA,
                       "this runner has applied %.90s here already: use "
                       "--migrate=up",
                       h.v[h.n - 1].name);
    }
    if (!f.there || f.version <= 0) {
        return PX_FAIL(reterr, PX_SCHEMA,
                       "no schema_migrations of golang-migrate with a version: use --migrate=up");
    }
    if (f.dirty) {
        return PX_FAIL(reterr, PX_SCHEMA,
                       "schema_migrations says that version %d is dirty: mend the database by hand "
                       "and tell golang-migrate with `force`",
                       f.version);
    }
    if (!px_migrations_find(m, f.version)) {
        return PX_FAIL(reterr, PX_SCHEMA,
                       "schema_migrations says version %d, for which this program has no file",
                       f.version);
    }
    *ret_version = f.version;
    return PX_OK;
}

static enum px_code adopt_in_tx(struct px_sql *s, const struct px_migrations *m, struct px_buf *out,
                                struct px_err *reterr) {
    int version = 0;
    enum px_code code = may_adopt(s, m, &version, reterr);
    for (size_t i = 0; !code && i < m->n && m->v[i].version <= version; i++) {
        code = px_history_note(s, &m->v[i], 0, reterr);
        px_buf_printf(out, "adopted %s\n", m->v[i].name);
    }
    return code;
}

static enum px_code adopt_alone(struct px_sql *s, const struct px_migrate_job *job,
                                struct px_buf *out, struct px_err *reterr) {
    const struct px_migrations *m = job->files;
    PX_DEFER(px_buf_fini) struct px_buf done = PX_BUF_INIT(1 << 20);
    enum px_outcome outcome = PX_ROLLED_BACK;
    int version = 0;
    enum px_code code = may_adopt(s, m, &version, reterr); /* before anything is made */
    code = code ? code : px_history_prepare(s, reterr);
    code = code ? code : px_tx_begin(s, reterr);
    if (code) {
        return code;
    }
    code = adopt_in_tx(s, m, &done, reterr);
    if (code) {
        px_tx_rollback(s);
        return code;
    }
    code = px_tx_commit(s, &outcome, reterr);
    if (!code) {
        px_buf_str(out, px_buf_view(&done));
    }
    return code;
}

enum px_code px_migrate_adopt(struct px_sql *s, const char *dir, struct px_buf *out,
                              struct px_err *reterr) {
    const struct px_migrate_job adopt = {.dir = dir, .work = adopt_alone};
    return px_migrate_alone(s, adopt, out, reterr);
}
