/* Login users of a test's PostgreSQL database that have a role of the product, or none. */
#ifndef TEST_PG_USER_H
#define TEST_PG_USER_H

#include "sql_fixture.h"

#define PG_USER_PASSWORD "walk;}er"

struct pg_user {
    char name[64];
    char connection[400];
    struct px_sql_conf conf; /* reaches the database as this user */
};

/* pg_user_make(f, name, grants, ret): a login user of its own for f's database, in role ${grants}
 * (NULL = none). pg_user_drop: with all that it owns or was granted there. */
void pg_user_make(const struct sql_fixture *f, const char *name, const char *grants,
                  struct pg_user *ret);
void pg_user_drop(const struct sql_fixture *f, const struct pg_user *u);
struct px_sql *pg_user_open(const struct pg_user *u);
/* pg_user_do(f, before, u, after): "before <name> after" as the fixture's own user. */
void pg_user_do(const struct sql_fixture *f, const char *before, const struct pg_user *u,
                const char *after);

#endif
