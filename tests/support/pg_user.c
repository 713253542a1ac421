/* Login users for tests; see the header. */
#include "pg_user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void pg_user_make(const struct sql_fixture *f, const char *name, const char *grants,
                  struct pg_user *ret) {
    char sql[400];
    const char *at = strstr(f->conf.connection, "Username=");
    assert_non_null(at);
    const char *end = strchr(at, ';');
    (void)snprintf(ret->name, sizeof ret->name, "%.40s_%lld", name,
                   (long long)sql_int(f->s, "SELECT CAST(oid AS bigint) FROM pg_database WHERE "
                                            "datname = current_database()"));
    (void)snprintf(ret->connection, sizeof ret->connection, "%.*sUsername=%s%s",
                   (int)(at - f->conf.connection), f->conf.connection, ret->name, end ? end : "");
    (void)snprintf(sql, sizeof sql, "CREATE ROLE %s LOGIN PASSWORD '" PG_USER_PASSWORD "'%s%s",
                   ret->name, grants ? " IN ROLE " : "", grants ? grants : "");
    sql_do(f->s, sql);
    ret->conf = f->conf;
    ret->conf.connection = ret->connection;
    ret->conf.password = PG_USER_PASSWORD;
}

void pg_user_drop(const struct sql_fixture *f, const struct pg_user *u) {
    pg_user_do(f, "DROP OWNED BY", u, "");
    pg_user_do(f, "DROP ROLE", u, "");
}

struct px_sql *pg_user_open(const struct pg_user *u) {
    struct px_sql *s = NULL;
    struct px_err e = PX_ERR_INIT;
    if (px_sql_open(&u->conf, PX_SQL_WRITE, &s, &e)) {
        fail_msg("%s: %s", u->name, e.msg);
    }
    return s;
}

void pg_user_do(const struct sql_fixture *f, const char *before, const struct pg_user *u,
                const char *after) {
    char sql[256];
    (void)snprintf(sql, sizeof sql, "%s %s %s", before, u->name, after);
    sql_do(f->s, sql);
}
