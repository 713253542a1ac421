/* --migrate: the schema of the database, by the runner of libcore. Prints its own result. */
#include "agg.h"

#include <px/migrate.h>

#include <stdio.h>
#include <string.h>

#define AGG_TEXT_MAX (4 << 20)

enum px_code agg_schema_current(const struct agg *a, struct px_sql *s, char *ret_text, size_t cap,
                                struct px_err *reterr) {
    char dir[1024];
    struct px_migration_state st = {0};
    enum px_code rc = px_app_data_dir(a->app, "database", dir, sizeof dir, reterr);
    rc = rc == PX_OK ? px_migrate_status(s, dir, &st, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    if (st.stored > st.available) {
        return PX_FAIL(reterr, PX_SCHEMA,
                       "the schema is at version %d, this program knows %d: run the release that "
                       "belongs to it",
                       st.stored, st.available);
    }
    if (st.drift[0]) {
        return PX_FAIL(reterr, PX_SCHEMA, "the database does not match the migrations: %s",
                       st.drift);
    }
    if (st.pending > 0) {
        return PX_FAIL(reterr, PX_SCHEMA,
                       "the schema is at version %d, this program needs %d: run svc-aggregator "
                       "--migrate=up",
                       st.stored, st.available);
    }
    snprintf(ret_text, cap, "version %d", st.stored);
    return PX_OK;
}

static enum px_code run(struct px_sql *s, const char *dir, const char *arg, struct px_buf *out,
                        struct px_err *reterr) {
    if (strcmp(arg, "up") == 0) {
        return px_migrate_up(s, dir, out, reterr);
    }
    return px_migrate_text(s, dir, strcmp(arg, "plan") == 0, out, reterr);
}

enum px_code agg_migrate(void *svc, const char *arg, struct px_err *reterr) {
    const struct agg *a = svc;
    char dir[1024];
    struct px_sql *s = NULL;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(AGG_TEXT_MAX);
    enum px_code rc = px_app_data_dir(a->app, "database", dir, sizeof dir, reterr);
    rc = rc == PX_OK ? px_sql_open(&a->conf->sql, PX_SQL_WRITE, &s, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    rc = run(s, dir, arg, &out, reterr);
    px_sql_close(s);
    fwrite(out.p ? out.p : "", 1, out.n, stdout); /* what was done, also when it ended early */
    if (fflush(stdout) != 0 && rc == PX_OK) {
        return px_err_errno(reterr, PX_IO, PX_HERE, "stdout");
    }
    return rc;
}
