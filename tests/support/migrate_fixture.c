/* Databases with migrations of a test's own; see the header. */
#include "migrate_fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

int migrate_fixture_setup(void **state) {
    struct migrate_fixture *c = calloc(1, sizeof *c);
    *state = c;
    if (!c || sql_fixture_why_not(sql_fixture_dialect())) {
        return c ? 0 : -1;
    }
    sql_fixture_empty(&c->f, sql_fixture_dialect());
    (void)snprintf(c->dir, sizeof c->dir, "/tmp/px-mig-XXXXXX");
    if (!mkdtemp(c->dir)) {
        return -1;
    }
    (void)snprintf(c->sub, sizeof c->sub, "%s/%s", c->dir, sql_fixture_dialect()->name);
    return mkdir(c->sub, 0755);
}

int migrate_fixture_teardown(void **state) {
    struct migrate_fixture *c = *state;
    sql_fixture_close(&c->f);
    DIR *d = c->sub[0] ? opendir(c->sub) : NULL;
    const struct dirent *e;
    while (d && (e = readdir(d))) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", c->sub, e->d_name);
        (void)unlink(path);
    }
    if (d) {
        (void)closedir(d);
        (void)rmdir(c->sub);
        (void)rmdir(c->dir);
    }
    free(c);
    return 0;
}

struct migrate_fixture *migrate_fixture_get(void **state) {
    const char *why = sql_fixture_why_not(sql_fixture_dialect());
    if (why) {
        print_message("# SKIP %s: %s\n", sql_fixture_dialect()->name, why);
        skip();
    }
    return *state;
}

void migrate_put(const struct migrate_fixture *c, const char *name, const char *text) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", c->sub, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

void migrate_up_says(struct migrate_fixture *c, const char *want) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(MIGRATE_OUT);
    struct px_err e = PX_ERR_INIT;
    if (px_migrate_up(c->f.s, c->dir, &out, &e)) {
        fail_msg("%s", e.msg);
    }
    assert_string_equal(px_buf_cstr(&out), want);
}

void migrate_refused(struct migrate_fixture *c, enum px_code code, const char *says) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(MIGRATE_OUT);
    struct px_err e = PX_ERR_INIT;
    enum px_code got = px_migrate_up(c->f.s, c->dir, &out, &e);
    if (got != code || !strstr(e.msg, says)) {
        fail_msg("%s: '%s' does not name '%s'", px_code_name(got), e.msg, says);
    }
}

struct px_migration_state migrate_status_of(struct migrate_fixture *c) {
    struct px_migration_state st;
    struct px_err e = PX_ERR_INIT;
    if (px_migrate_status(c->f.s, c->dir, &st, &e)) {
        fail_msg("%s", e.msg);
    }
    return st;
}
