/* The book of the migration runner, px_schema_migrations: made, read, written. Knows
 * golang-migrate's book by sight. Must not decide what is done about what it reads. */
#include "migrate_priv.h"

#include <px/mem.h>

#include <stdio.h>

#define APPLIED_MAX 9999
#define OWN_BOOK    PX_S("px_schema_migrations")
#define THEIR_BOOK  PX_S("schema_migrations")

void px_history_fini(struct px_history *h) {
    px_free(h->v);
    *h = (struct px_history){.v = NULL};
}

/* Asks the catalog, so that nothing has to fail to find out. */
static enum px_code look(struct px_sql *s, struct px_str table, const char *column, bool *ret_table,
                         bool *ret_column, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    bool any = false, found = false;
    enum px_code code = px_sql_prepare(s, px_str_c(s->dialect->columns_of), &st, reterr);
    code = code ? code : px_bind_text(st, 0, table, reterr);
    code = code ? code : px_stmt_run(st, reterr);
    while (!code && !(code = px_stmt_next(st, reterr))) {
        any = true;
        found = found || px_str_is(px_col_text(st, 0), column);
    }
    px_stmt_free(st);
    if (code == PX_NO_ROW) {
        *ret_table = any;
        *ret_column = found;
    }
    return code == PX_NO_ROW ? PX_OK : code;
}

static enum px_code add_applied(struct px_history *h, const struct px_stmt *st,
                                struct px_err *reterr) {
    struct px_applied a = {.version = (int)px_col_i64(st, 0),
                           .runs_with_from = (int)px_col_i64(st, 3)};
    if (!px_str_copy(px_col_text(st, 1), a.name, sizeof a.name) ||
        !px_str_copy(px_col_text(st, 2), a.checksum, sizeof a.checksum)) {
        return PX_FAIL(reterr, PX_SCHEMA, "px_schema_migrations: a name or checksum is too long");
    }
    struct px_applied *v = h->n < APPLIED_MAX ? px_realloc(h->v, (h->n + 1) * sizeof *v) : NULL;
    if (!v) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the migrations' history");
    }
    h->v = v;
    v[h->n++] = a;
    return PX_OK;
}

/* 0 = noted by a release that did not know runs-with-from. */
static enum px_code read_book(struct px_sql *s, bool whole, struct px_history *h,
                              struct px_err *reterr) {
    static const struct px_str sql = PX_S_INIT("SELECT version, name, checksum, runs_with_from "
                                               "FROM px_schema_migrations ORDER BY version");
    static const struct px_str old =
        PX_S_INIT("SELECT version, name, checksum, 0 FROM px_schema_migrations ORDER BY version");
    struct px_stmt *st = NULL;
    enum px_code code = px_sql_prepare(s, whole ? sql : old, &st, reterr);
    code = code ? code : px_stmt_run(st, reterr);
    while (!code && !(code = px_stmt_next(st, reterr))) {
        code = add_applied(h, st, reterr);
    }
    px_stmt_free(st);
    return code == PX_NO_ROW ? PX_OK : code;
}

enum px_code px_history_load(struct px_sql *s, struct px_history *ret, struct px_err *reterr) {
    PX_DEFER(px_history_fini) struct px_history h = {.v = NULL};
    bool table = false, column = false;
    enum px_code code = look(s, OWN_BOOK, "runs_with_from", &table, &column, reterr);
    if (!code && table) {
        code = read_book(s, column, &h, reterr);
    }
    if (!code) {
        *ret = h;
        h = (struct px_history){.v = NULL};
    }
    return code;
}

const struct px_applied *px_history_find(const struct px_history *h, int version) {
    for (size_t i = 0; i < h->n; i++) {
        if (h->v[i].version == version) {
            return &h->v[i];
        }
    }
    return NULL;
}

static enum px_code make_book(struct px_sql *s, struct px_err *reterr) {
    const struct px_dialect *d = s->dialect;
    bool table = false, column = false;
    enum px_code code = px_sql_exec(s, px_str_c(d->book_make), reterr);
    code = code ? code : look(s, OWN_BOOK, "runs_with_from", &table, &column, reterr);
    return code || column ? code : px_sql_exec(s, px_str_c(d->book_extend), reterr);
}

enum px_code px_history_prepare(struct px_sql *s, struct px_err *reterr) {
    enum px_outcome outcome = PX_ROLLED_BACK;
    enum px_code code = px_tx_begin(s, reterr);
    if (code) {
        return code;
    }
    code = make_book(s, reterr);
    if (code) {
        px_tx_rollback(s);
        return code;
    }
    return px_tx_commit(s, &outcome, reterr);
}

enum px_code px_history_note(struct px_sql *s, const struct px_migration *f, px_us took,
                             struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code code = px_sql_prepare(s, px_str_c(s->dialect->book_note), &st, reterr);
    if (code) {
        return code;
    }
    px_bind_i64(st, 0, f->version);
    px_bind_i64(st, 3, took / PX_US_PER_MS);
    px_bind_i64(st, 4, f->runs_with_from);
    code = px_bind_text(st, 1, px_str_c(f->name), reterr);
    code = code ? code : px_bind_text(st, 2, px_str_c(f->checksum), reterr);
    code = code ? code : px_stmt_run(st, reterr);
    px_stmt_free(st);
    return code;
}

enum px_code px_history_forget(struct px_sql *s, int version, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code code = px_sql_prepare(
        s, PX_S("DELETE FROM px_schema_migrations WHERE version = CAST(? AS bigint)"), &st, reterr);
    if (code) {
        return code;
    }
    px_bind_i64(st, 0, version);
    code = px_stmt_run(st, reterr);
    px_stmt_free(st);
    return code;
}

static enum px_code read_foreign(struct px_sql *s, struct px_foreign *ret, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code code = px_sql_prepare(
        s, PX_S("SELECT version, CAST(dirty AS integer) FROM schema_migrations"), &st, reterr);
    code = code ? code : px_stmt_run(st, reterr);
    if (!code && !(code = px_stmt_next(st, reterr))) {
        ret->version = (int)px_col_i64(st, 0);
        ret->dirty = px_col_i64(st, 1) != 0;
    }
    px_stmt_free(st);
    return code == PX_NO_ROW ? PX_OK : code;
}

enum px_code px_foreign_load(struct px_sql *s, struct px_foreign *ret, struct px_err *reterr) {
    struct px_err e = PX_ERR_INIT;
    struct px_foreign f = {.there = false};
    bool dirty = false;
    enum px_code code = look(s, THEIR_BOOK, "dirty", &f.there, &dirty, &e);
    f.there = f.there && dirty; /* another tool's table of that name has another shape */
    if (!code && f.there) {
        code = read_foreign(s, &f, &e);
        code = code == PX_DENIED ? PX_OK : code;
    }
    if (!code) {
        *ret = f;
    } else if (reterr) {
        *reterr = e;
    }
    return code;
}
