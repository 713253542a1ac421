/* Databases for tests; see the header. */
#include "sql_fixture.h"

#include "postgres.h"
#include "sqlserver.h"

#include <px/migrate.h>

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const struct px_dialect *current; /* of the group that runs */

static void check(enum px_code code, const struct px_err *e) {
    if (code) {
        fail_msg("%s: %s", px_code_name(code), e->msg);
    }
}

const char *sql_fixture_why_not(const struct px_dialect *d) {
    if (strcmp(d->name, "sqlserver") == 0) {
        return test_mssql_why_not();
    }
    return strcmp(d->name, "postgresql") == 0 ? test_pg_start() : NULL;
}

const struct px_dialect *sql_fixture_each(size_t i) {
    const struct px_dialect *d = px_dialect_get(i);
    return d && strcmp(d->name, "sqlserver") == 0 && test_mssql_why_not() ? NULL : d;
}

static int index_of(const struct px_dialect *d) {
    int i = 0;
    while (px_dialect_get((size_t)i) != d) {
        i++;
    }
    return i;
}

static void sqlite_conf(struct sql_fixture *f) {
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(f->dir, sizeof f->dir, "%s/px-sql-XXXXXX",
                   tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->connection, sizeof f->connection, "Driver={SQLite3};Database=%s/test.db",
                   f->dir);
    f->conf = (struct px_sql_conf){.connection = f->connection,
                                   .password = "",
                                   .statement_timeout = 20 * PX_US_PER_S,
                                   .lock_timeout = 5 * PX_US_PER_S,
                                   .zone = "UTC"};
}

void sql_fixture_empty(struct sql_fixture *f, const struct px_dialect *d) {
    struct px_err e = PX_ERR_INIT;
    *f = (struct sql_fixture){.dialect = d};
    if (strcmp(d->name, "postgresql") == 0) {
        test_pg_conf(&f->conf);
    } else if (strcmp(d->name, "sqlserver") == 0) {
        test_mssql_conf(&f->conf);
    } else {
        sqlite_conf(f);
    }
    f->conf.dialect = index_of(d);
    check(px_sql_open(&f->conf, PX_SQL_WRITE, &f->s, &e), &e);
}

void sql_fixture_open(struct sql_fixture *f, const struct px_dialect *d) {
    struct px_err e = PX_ERR_INIT;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(65536);
    sql_fixture_empty(f, d);
    check(px_migrate_up(f->s, "database", &out, &e), &e);
}

void sql_fixture_close(struct sql_fixture *f) {
    static const char *const files[] = {"test.db", "test.db-wal", "test.db-shm"};
    px_sql_close(f->s);
    f->s = NULL;
    for (size_t i = 0; f->dir[0] && i < PX_ARRAY_LEN(files); i++) {
        char path[96];
        (void)snprintf(path, sizeof path, "%s/%s", f->dir, files[i]);
        (void)unlink(path);
    }
    if (f->dir[0]) {
        (void)rmdir(f->dir);
    }
}

struct px_sql *sql_fixture_connect(const struct sql_fixture *f, enum px_sql_use use) {
    struct px_sql *s = NULL;
    struct px_err e = PX_ERR_INIT;
    check(px_sql_open(&f->conf, use, &s, &e), &e);
    return s;
}

void sql_fixture_use(const struct px_dialect *d) {
    current = d;
}

const struct px_dialect *sql_fixture_dialect(void) {
    return current;
}

int sql_fixture_setup(void **state) {
    struct sql_fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (f && !sql_fixture_why_not(current)) {
        sql_fixture_open(f, current);
    }
    return f ? 0 : -1;
}

int sql_fixture_teardown(void **state) {
    struct sql_fixture *f = *state;
    sql_fixture_close(f);
    free(f);
    return 0;
}

struct sql_fixture *sql_fixture_get(void **state) {
    const char *why = sql_fixture_why_not(current);
    if (why) {
        print_message("# %s: %s\n", current->name, why);
        skip();
    }
    return *state;
}

void sql_do(struct px_sql *s, const char *text) {
    struct px_err e = PX_ERR_INIT;
    check(px_sql_exec(s, px_str_c(text), &e), &e);
}

struct px_stmt *sql_prepare(struct px_sql *s, const char *text) {
    struct px_stmt *st = NULL;
    struct px_err e = PX_ERR_INIT;
    check(px_sql_prepare(s, px_str_c(text), &st, &e), &e);
    return st;
}

static void one_row(const struct px_stmt *st, struct px_buf *b) {
    unsigned n = px_stmt_columns(st);
    for (unsigned i = 0; i < n; i++) {
        px_buf_c(b, i ? "|" : "");
        if (px_col_null(st, i)) {
            px_buf_c(b, "NULL");
        } else {
            px_buf_str(b, px_col_text(st, i));
        }
    }
}

void sql_run(struct px_stmt *st, char *out, size_t cap) {
    struct px_err e = PX_ERR_INIT;
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 20);
    check(px_stmt_run(st, &e), &e);
    enum px_code code;
    while (!(code = px_stmt_next(st, &e))) {
        px_buf_c(&b, b.n ? "\n" : "");
        one_row(st, &b);
    }
    if (code != PX_NO_ROW) {
        check(code, &e);
    }
    assert_true(px_str_copy(px_buf_view(&b), out, cap));
}

void sql_text(struct px_sql *s, const char *query, char *out, size_t cap) {
    struct px_stmt *st = sql_prepare(s, query);
    sql_run(st, out, cap);
    px_stmt_free(st);
}

int64_t sql_int(struct px_sql *s, const char *query) {
    struct px_err e = PX_ERR_INIT;
    struct px_stmt *st = sql_prepare(s, query);
    check(px_stmt_run(st, &e), &e);
    check(px_stmt_next(st, &e), &e);
    int64_t v = px_col_i64(st, 0);
    px_stmt_free(st);
    return v;
}

struct px_stmt *sql_prepare_set(struct px_sql *s, px_render_set *render,
                                const struct px_table_stmt *t) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);
    render(px_sql_dialect(s), t, &b);
    return sql_prepare(s, px_buf_cstr(&b));
}

struct px_rows *sql_rows(struct px_sql *s, const struct px_table_stmt *t) {
    struct px_rows *r = NULL;
    assert_int_equal(px_rows_new(px_sql_dialect(s), t->types, t->ncolumns, 1 << 24, &r), PX_OK);
    return r;
}

void sql_run_rows(struct px_stmt *st, struct px_rows *r, char *out, size_t cap) {
    struct px_err e = PX_ERR_INIT;
    check(px_rows_bind(r, st, 0, &e), &e);
    sql_run(st, out, cap);
    px_rows_reset(r);
}

struct px_stmt *sql_prepare_statement(struct px_sql *s, enum px_statement which) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);
    px_statement_render(which, px_sql_dialect(s), &b);
    return sql_prepare(s, px_buf_cstr(&b));
}

static int by_text(const void *a, const void *b) {
    const char *const *x = a;
    const char *const *y = b;
    return strcmp(*x, *y);
}

static void sort_lines(const char *text, char *out, size_t cap) {
    char copy[8192];
    char *line[512];
    size_t n = 0;
    assert_true(px_str_copy(px_str_c(text), copy, sizeof copy));
    char *rest = copy;
    while (n < PX_ARRAY_LEN(line) && (line[n] = strsep(&rest, "\n"))) {
        n++;
    }
    assert_null(rest);
    qsort(line, n, sizeof *line, by_text);
    out[0] = '\0';
    for (size_t i = 0, at = 0; i < n; i++) {
        at += (size_t)snprintf(out + at, cap - at, "%s%s", i ? "\n" : "", line[i]);
    }
}

void sql_same_rows(const char *out, const char *want) {
    char a[8192], b[8192];
    sort_lines(out, a, sizeof a);
    sort_lines(want, b, sizeof b);
    assert_string_equal(a, b);
}

void sql_expect(const struct sql_fixture *f, enum px_statement which, const char *const *params,
                size_t n, const char *want) {
    char out[8192];
    struct px_err e = PX_ERR_INIT;
    struct px_stmt *st = sql_prepare_statement(f->s, which);
    for (unsigned i = 0; i < n && params[i][0]; i++) {
        if (params[i][0] == 'i') {
            px_bind_i64(st, i, strtoll(params[i] + 1, NULL, 10));
        } else {
            check(px_bind_text(st, i, px_str_c(params[i] + 1), &e), &e);
        }
    }
    sql_run(st, out, sizeof out);
    assert_string_equal(out, want);
    px_stmt_free(st);
}
