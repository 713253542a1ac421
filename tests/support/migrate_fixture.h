/* An empty database and a folder with migrations of the test's own, for each dialect in turn
 * (sql_fixture_use). */
#ifndef TEST_MIGRATE_FIXTURE_H
#define TEST_MIGRATE_FIXTURE_H

#include "sql_fixture.h"

#include <px/migrate.h>

#define MIGRATE_OUT (1 << 16)

struct migrate_fixture {
    struct sql_fixture f;
    char dir[64]; /* migrations of the test's own: dir/<dialect>/ */
    char sub[128];
};

int migrate_fixture_setup(void **state);
int migrate_fixture_teardown(void **state);
/* migrate_fixture_get(state): skips the test when the dialect's server is not there. */
struct migrate_fixture *migrate_fixture_get(void **state);

/* migrate_put(c, name, text): a file in the folder. migrate_up_says: apply what is pending, which
 * must print ${want}. migrate_refused: that must fail, naming ${says}. */
void migrate_put(const struct migrate_fixture *c, const char *name, const char *text);
void migrate_up_says(struct migrate_fixture *c, const char *want);
void migrate_refused(struct migrate_fixture *c, enum px_code code, const char *says);
struct px_migration_state migrate_status_of(struct migrate_fixture *c);

#endif
