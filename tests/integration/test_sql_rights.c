/* Who may do what, on a real PostgreSQL: every role of database/privileges.txt, every table, every
 * kind of statement is really tried by a login user that has the role and nothing else. The file
 * and the server must agree in both directions. */
#include "pg_user.h"
#include "postgres.h"
#include "sql_fixture.h"

#include <px/dialect.h>
#include <px/mem.h>
#include <px/migrate.h>
#include <px/rights.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TABLES PX_RIGHTS_TABLES

static const char *const roles[] = {"px_agg",       "px_api",    "px_raw",   "px_operator",
                                    "px_retention", "px_verify", "px_eraser"};

/* --- trying ------------------------------------------------------------------------------------
 */

struct tables {
    char name[TABLES][64], column[TABLES][64];
    size_t n;
};

/* Every table that the migrations made, with one of its columns. */
static void tables_load(struct px_sql *s, struct tables *t) {
    static char text[16384];
    t->n = 0;
    sql_text(s,
             "SELECT c.relname, (SELECT quote_ident(a.attname) FROM pg_attribute AS a WHERE "
             "a.attrelid = c.oid AND a.attnum = 1) FROM pg_class AS c JOIN pg_namespace AS n ON "
             "n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', "
             "'m') ORDER BY 1",
             text, sizeof text);
    char *rest = NULL;
    for (char *one = strtok_r(text, "\n", &rest); one; one = strtok_r(NULL, "\n", &rest)) {
        char *bar = strchr(one, '|');
        assert_non_null(bar);
        assert_true(t->n < TABLES);
        (void)snprintf(t->name[t->n], sizeof t->name[0], "%.*s", (int)(bar - one), one);
        (void)snprintf(t->column[t->n++], sizeof t->column[0], "%s", bar + 1);
    }
}

/* The statement that needs exactly this right, and changes nothing when it is allowed. */
static void statement(const struct tables *t, size_t i, size_t right, char *out, size_t cap) {
    const char *n = t->name[i];
    switch (right) {
    case 0:
        (void)snprintf(out, cap, "SELECT * FROM %s LIMIT 0", n);
        return;
    case 1:
        (void)snprintf(out, cap, "INSERT INTO %s (%s) SELECT NULL WHERE false", n, t->column[i]);
        return;
    case 2:
        (void)snprintf(out, cap, "UPDATE %s SET %s = NULL WHERE false", n, t->column[i]);
        return;
    case 3:
        (void)snprintf(out, cap, "DELETE FROM %s WHERE false", n);
        return;
    default:
        (void)snprintf(out, cap, "TRUNCATE %s", n);
        return;
    }
}

/* What the user can really do with the table; each try in a transaction that is rolled back. */
static unsigned tried(struct px_sql *s, const struct tables *t, size_t i) {
    unsigned can = 0;
    for (size_t right = 0; right < PX_RIGHTS; right++) {
        char sql[256];
        struct px_err e = PX_ERR_INIT;
        statement(t, i, right, sql, sizeof sql);
        assert_int_equal(px_tx_begin(s, &e), PX_OK);
        enum px_code code = px_sql_exec(s, px_str_c(sql), &e);
        if (code && code != PX_DENIED) {
            fail_msg("%s: %s", sql, e.msg);
        }
        can |= code ? 0 : 1U << right;
        px_tx_rollback(s);
    }
    return can;
}

static void letters(unsigned may, char out[PX_RIGHTS + 1]) {
    size_t n = 0;
    for (size_t i = 0; i < PX_RIGHTS; i++) {
        if (may & (1U << i)) {
            out[n++] = "siudt"[i];
        }
    }
    if (n == 0) {
        out[n++] = '-';
    }
    out[n] = '\0';
}

static const struct px_right_row *row_of(const struct px_rights *r, const char *table) {
    for (size_t i = 0; i < r->n; i++) {
        if (strcmp(r->v[i].table, table) == 0) {
            return &r->v[i];
        }
    }
    return NULL;
}

static int walk_role(const struct sql_fixture *f, const struct tables *t, const char *role) {
    struct px_rights want;
    struct pg_user u;
    struct px_err e = PX_ERR_INIT;
    int wrong = 0;
    if (px_rights_load("database", role, &want, &e)) {
        fail_msg("%s", e.msg);
    }
    pg_user_make(f, role, role, &u);
    struct px_sql *s = pg_user_open(&u);
    for (size_t i = 0; i < t->n; i++) {
        const struct px_right_row *row = row_of(&want, t->name[i]);
        char has[PX_RIGHTS + 1], told[PX_RIGHTS + 1];
        unsigned can = tried(s, t, i);
        letters(can, has);
        letters(row ? row->may : 0, told);
        if (!row || can != row->may) {
            print_error("%s can do %s with %s, database/privileges.txt says %s\n", role, has,
                        t->name[i], row ? told : "nothing of that table: add a row");
            wrong++;
        }
    }
    px_sql_close(s);
    pg_user_drop(f, &u);
    return wrong;
}

static void test_rights_every_role_table_and_statement(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    static struct tables t;
    int wrong = 0;
    tables_load(f->s, &t);
    assert_true(t.n >= 13);
    for (size_t r = 0; r < PX_ARRAY_LEN(roles); r++) {
        wrong += walk_role(f, &t, roles[r]);
    }
    assert_int_equal(wrong, 0);
}

/* Each row stands for a table that there is, each column for a role that was walked, in order. */
static void test_rights_file_names_what_exists(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    static struct tables t;
    struct px_rights want;
    struct px_err e = PX_ERR_INIT;
    char line[256] = "";
    tables_load(f->s, &t);
    FILE *file = fopen("database/privileges.txt", "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) && line[0] == '#') {
    }
    (void)fclose(file);
    char *rest = NULL;
    assert_string_equal(strtok_r(line, " \n", &rest), "table");
    for (size_t i = 0; i < PX_ARRAY_LEN(roles); i++) {
        assert_string_equal(strtok_r(NULL, " \n", &rest), roles[i]);
    }
    assert_null(strtok_r(NULL, " \n", &rest));
    assert_int_equal(px_rights_load("database", "px_agg", &want, &e), PX_OK);
    assert_int_equal(want.n, t.n);
    for (size_t i = 0; i < t.n; i++) {
        assert_string_equal(want.v[i].table, t.name[i]);
    }
    assert_int_equal(px_rights_load("database", "px_nobody", &want, &e), PX_CONFIG);
    assert_int_equal(px_rights_load("/nonexistent", "px_agg", &want, &e), PX_IO);
}

/* A user without a role, which is what PUBLIC may; and what no role may. */
static void test_rights_nothing_to_the_public(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    static struct tables t;
    struct pg_user u;
    tables_load(f->s, &t);
    pg_user_make(f, "px_test_public", NULL, &u);
    struct px_sql *s = pg_user_open(&u);
    for (size_t i = 0; i < t.n; i++) {
        assert_int_equal(tried(s, &t, i), 0);
    }
    px_sql_close(s);
    pg_user_drop(f, &u);
    /* nor did a migration grant on single columns, which no row of the file could say */
    assert_int_equal(sql_int(f->s, "SELECT COUNT(*) FROM pg_attribute WHERE attacl IS NOT NULL AND "
                                   "attrelid >= 16384"),
                     0);
}

static void test_rights_no_role_owns_or_makes_anything(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    static const char *const forbidden[] = {"CREATE TABLE mine (x integer)",
                                            "ALTER TABLE players ADD COLUMN x integer",
                                            "DROP TABLE players",
                                            "CREATE SCHEMA mine",
                                            "CREATE INDEX mine ON players (first_seen)",
                                            "ALTER TABLE events OWNER TO CURRENT_USER",
                                            "CREATE ROLE px_test_mine",
                                            "ALTER TABLE events DISABLE TRIGGER ALL"};
    for (size_t r = 0; r < PX_ARRAY_LEN(roles); r++) {
        struct pg_user u;
        pg_user_make(f, roles[r], roles[r], &u);
        struct px_sql *s = pg_user_open(&u);
        for (size_t i = 0; i < PX_ARRAY_LEN(forbidden); i++) {
            struct px_err e = PX_ERR_INIT;
            if (px_sql_exec(s, px_str_c(forbidden[i]), &e) != PX_DENIED) {
                fail_msg("%s: %s: %s", roles[r], forbidden[i], e.msg);
            }
        }
        px_sql_close(s);
        pg_user_drop(f, &u);
    }
    assert_int_equal(sql_int(f->s,
                             "SELECT COUNT(*) FROM pg_roles WHERE rolname IN ('px_agg', 'px_api', "
                             "'px_raw', 'px_operator', 'px_retention', 'px_verify') AND NOT "
                             "(rolcanlogin OR rolsuper OR "
                             "rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)"),
                     6);
}

/* --- what --check makes of it -------------------------------------------------------------------
 */

static enum px_code verdict(const struct pg_user *u, bool strict, struct px_rights_verdict *v) {
    struct px_rights want;
    struct px_err e = PX_ERR_INIT;
    assert_int_equal(px_rights_load("database", "px_agg", &want, &e), PX_OK);
    struct px_sql *s = pg_user_open(u);
    enum px_code code = px_rights_check(s, &want, strict, v, &e);
    px_sql_close(s);
    return code;
}

static void says(const char *text, const char *what) {
    if (!strstr(text, what)) {
        fail_msg("'%s' does not say '%s'", text, what);
    }
}

static void test_rights_verdict_on_an_account(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_rights_verdict v;
    struct pg_user u;
    char grant[160];
    pg_user_make(f, "px_test_agg", "px_agg", &u);
    assert_int_equal(verdict(&u, true, &v), PX_OK);
    assert_false(v.warn);
    says(v.detail, "may what px_agg may, and no more");

    sql_do(f->s,
           "REVOKE UPDATE ON players FROM px_agg; REVOKE SELECT, INSERT ON dedupe_day FROM px_agg");
    assert_int_equal(verdict(&u, false, &v), PX_DENIED);
    says(v.detail, "lacks SELECT, INSERT on dedupe_day; UPDATE on players");
    (void)snprintf(grant, sizeof grant, "GRANT UPDATE ON players TO %s;\n", u.name);
    says(v.remedy, grant);
    says(v.remedy, "GRANT SELECT, INSERT ON dedupe_day TO ");
    says(v.remedy, "GRANT px_agg TO ");
    sql_do(f->s, "GRANT UPDATE ON players TO px_agg; GRANT SELECT, INSERT ON dedupe_day TO px_agg");

    pg_user_do(f, "GRANT SELECT (player_id) ON events TO", &u, ""); /* a column is enough */
    pg_user_do(f, "GRANT CREATE ON SCHEMA public TO", &u, "");
    pg_user_do(f, "GRANT TRUNCATE ON players TO", &u, "");
    assert_int_equal(verdict(&u, false, &v), PX_OK);
    assert_true(v.warn);
    says(v.detail, "may create tables, SELECT on events, TRUNCATE on players");
    assert_int_equal(verdict(&u, true, &v), PX_DENIED);
    pg_user_do(f, "ALTER TABLE players OWNER TO", &u, "");
    assert_int_equal(verdict(&u, false, &v), PX_OK);
    says(v.detail, "owns tables");
    sql_do(f->s, "ALTER TABLE players OWNER TO " TEST_PG_USER);
    pg_user_do(f, "ALTER ROLE", &u, "SUPERUSER");
    assert_int_equal(verdict(&u, false, &v), PX_OK);
    says(v.detail, "px_agg: is a superuser");
    assert_int_equal(verdict(&u, true, &v), PX_DENIED);
    pg_user_do(f, "ALTER ROLE", &u, "NOSUPERUSER");
    pg_user_drop(f, &u);
}

static void test_rights_verdict_without_any(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_rights_verdict v;
    struct pg_user u;
    pg_user_make(f, "px_test_none", NULL, &u);
    assert_int_equal(verdict(&u, false, &v), PX_DENIED);
    says(v.remedy, "GRANT INSERT ON events TO ");
    says(v.remedy, "GRANT SELECT, INSERT, UPDATE ON rollup_values TO ");
    sql_do(f->s, "REVOKE USAGE ON SCHEMA public FROM PUBLIC");
    assert_int_equal(verdict(&u, false, &v), PX_DENIED);
    says(v.detail, "USAGE on the schema");
    says(v.remedy, "GRANT px_agg TO ");
    pg_user_drop(f, &u);
}

/* Every allocation fails once: told as such, nothing is kept. */
static void test_rights_survive_failing_memory(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    enum px_code code = PX_NOMEM;
    unsigned n = 0;
    while (code && n < 1000) {
        struct px_rights want;
        struct px_rights_verdict v;
        struct px_err e = PX_ERR_INIT;
        px_mem_fail_at(++n);
        code = px_rights_load("database", "px_agg", &want, &e);
        code = code ? code : px_rights_check(f->s, &want, false, &v, &e);
        px_mem_fail_at(0);
        if (code && code != PX_NOMEM) {
            fail_msg("allocation %u: %s %s", n, px_code_name(code), e.msg);
        }
        assert_true(code || strstr(v.detail, "is a superuser"));
    }
    assert_int_equal(code, PX_OK);
    assert_true(n > 5);
}

/* --- making the roles ---------------------------------------------------------------------------
 */

/* An owner that may not make roles: told so when one is missing, content when all exist. */
static void test_rights_migrating_without_createrole(void **state) {
    (void)sql_fixture_get(state);
    struct sql_fixture f;
    struct pg_user u;
    struct px_err e = PX_ERR_INIT;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(65536);
    sql_fixture_empty(&f, px_dialect_find(PX_S("postgresql")));
    pg_user_make(&f, "px_test_owner", NULL, &u);
    pg_user_do(&f, "GRANT CREATE ON SCHEMA public TO", &u, "");
    sql_do(f.s, "ALTER ROLE px_verify RENAME TO px_verify_away");
    struct px_sql *s = pg_user_open(&u);
    assert_int_equal(px_migrate_up(s, "database", &out, &e), PX_DENIED);
    says(e.msg, "role px_verify is missing");
    says(e.msg, "database/postgresql/roles.sql");
    says(e.msg, u.name);
    sql_do(f.s, "ALTER ROLE px_verify_away RENAME TO px_verify");
    if (px_migrate_up(s, "database", &out, &e)) {
        fail_msg("%s", e.msg);
    }
    px_sql_close(s);
    pg_user_drop(&f, &u);
    sql_fixture_close(&f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, sql_fixture_setup, sql_fixture_teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        T(test_rights_every_role_table_and_statement),
        T(test_rights_file_names_what_exists),
        T(test_rights_nothing_to_the_public),
        T(test_rights_no_role_owns_or_makes_anything),
        T(test_rights_verdict_on_an_account),
        T(test_rights_verdict_without_any),
        T(test_rights_survive_failing_memory),
        T(test_rights_migrating_without_createrole),
    };
    sql_fixture_use(px_dialect_find(PX_S("postgresql")));
    return cmocka_run_group_tests_name("postgresql", tests, NULL, NULL);
}
