/* --migrate: the schema of the database, by the runner of libcore. Prints its own result. */
#include "agg.h"

#include <px/migrate.h>

#include <string.h>

#define AGG_TEXT_MAX (4 << 20)

enum px_code agg_schema_current(const struct agg *a, struct px_sql *s, char *ret_text, size_t cap,
                                struct px_err *reterr) {
    char dir[1024];
    struct px_migration_state st = {0};
    enum px_code rc = px_app_data_dir(a->app, "database", dir, sizeof dir, reterr);
    rc = rc == PX_OK ? px_migrate_status(s, dir, &st, reterr) : rc;
    return rc == PX_OK ? px_migrate_fits(&st, ret_text, cap, reterr) : rc;
}

/* What would only look must not make the file of a database. */
static enum px_code look(const struct agg *a, const char *dir, bool plan, struct px_buf *out,
                         struct px_err *reterr) {
    const struct px_sql_conf *conf = &a->conf->sql;
    struct px_sql *s = NULL;
    if (px_sql_absent(conf)) {
        return px_migrate_text_absent(px_dialect_get((size_t)conf->dialect), dir, plan, out,
                                      reterr);
    }
    enum px_code rc = px_sql_open(conf, PX_SQL_READ, &s, reterr);
    rc = rc == PX_OK ? px_migrate_text(s, dir, plan, out, reterr) : rc;
    px_sql_close(s);
    return rc;
}

static enum px_code change(const struct agg *a, const char *dir, const char *arg,
                           struct px_buf *out, struct px_err *reterr) {
    const struct px_sql_conf *conf = &a->conf->sql;
    bool up = strcmp(arg, "up") == 0;
    struct px_sql *s = NULL;
    if (!up && px_sql_absent(conf)) {
        return PX_FAIL(reterr, PX_SCHEMA, "the database of Sql:ConnectionString does not exist");
    }
    enum px_code rc = px_sql_open(conf, PX_SQL_WRITE, &s, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    struct px_err err = PX_ERR_INIT;
    if (up) {
        rc = px_migrate_up(s, dir, out, &err);
    } else if (strcmp(arg, "down") == 0) {
        rc = px_migrate_down(s, dir, px_app_param(a->app, "yes") != NULL, out, &err);
    } else {
        rc = px_migrate_adopt(s, dir, out, &err);
    }
    px_sql_close(s);
    if (rc == PX_DENIED && strncmp(err.sqlstate, "42501", 5) == 0 &&
        !strstr(err.msg, "roles.sql")) {
        PX_IGNORE(px_err_context(&err, "migrate as the user that owns the schema"));
    }
    if (rc != PX_OK && reterr) {
        *reterr = err;
    }
    return rc;
}

enum px_code agg_migrate(void *svc, const char *arg, struct px_err *reterr) {
    const struct agg *a = svc;
    char dir[1024];
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(AGG_TEXT_MAX);
    bool plan = strcmp(arg, "plan") == 0;
    if (px_app_param(a->app, "yes") && strcmp(arg, "down") != 0) {
        return PX_FAIL(reterr, PX_USAGE, "--yes belongs to --migrate=down, not to --migrate=%s",
                       arg);
    }
    enum px_code rc = px_app_data_dir(a->app, "database", dir, sizeof dir, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    rc = plan || strcmp(arg, "status") == 0 ? look(a, dir, plan, &out, reterr)
                                            : change(a, dir, arg, &out, reterr);
    /* what was done, also when it ended early */
    enum px_code shown = px_app_print(px_buf_view(&out), rc == PX_OK ? reterr : NULL);
    return rc == PX_OK ? shown : rc;
}
