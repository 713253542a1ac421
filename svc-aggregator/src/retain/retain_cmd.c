/* --retention: made for cron, a timer or a CronJob. Prints its own result; SIGTERM and Ctrl-C are
 * looked at between transactions. */
#include "agg.h"

#include "settings.h"
#include "stop.h"

#include <string.h>

#define AGG_TEXT_MAX (1 << 20)

enum px_code agg_retain_open(const struct agg *a, bool run, struct agg_retain *r,
                             struct px_err *reterr) {
    struct px_sql *s = NULL;
    char version[64];
    enum px_code rc = px_sql_open(&a->conf->sql, run ? PX_SQL_WRITE : PX_SQL_READ, &s, reterr);
    rc = rc == PX_OK ? agg_schema_current(a, s, version, sizeof version, reterr) : rc;
    rc = rc == PX_OK ? agg_settings_zone_same(s, a->conf->sql.zone, reterr) : rc;
    if (rc != PX_OK) {
        px_sql_close(s);
        return rc;
    }
    r->conf = a->conf;
    r->rollups = a->rollups;
    r->zone = a->zone;
    r->clock = &px_clock_system;
    r->sql = s;
    return PX_OK;
}

static enum px_code print(const struct agg_retained *ret, bool plan, bool json,
                          struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(AGG_TEXT_MAX);
    (json ? agg_retained_json : agg_retained_text)(ret, plan, &out);
    enum px_code rc = px_buf_ok(&out, reterr);
    return rc == PX_OK ? px_app_print(px_buf_view(&out), reterr) : rc;
}

static enum px_code work(const struct agg *a, bool run, struct agg_stop *stop,
                         struct px_err *reterr) {
    struct agg_retained ret = {.n = 0};
    struct agg_retain r = {.pause = agg_stop_pause, .arg = stop};
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = agg_retain_open(a, run, &r, &err);
    if (rc == PX_OK) {
        rc = run ? agg_retain_run(&r, &ret, &err) : agg_retain_plan(&r, &ret, &err);
        px_sql_close(r.sql);
    }
    rc = px_sql_as(rc, "run it as a login user with the role px_retention", &err);
    if (run) {
        agg_retained_log(&ret, rc == PX_OK ? NULL : &err);
    }
    if (rc == PX_OK || ret.n > 0) { /* what was done, also when it ended early */
        enum px_code printed = print(&ret, !run, px_app_param(a->app, "json") != NULL, reterr);
        rc = rc == PX_OK ? printed : rc;
    }
    if (err.code != PX_OK && reterr) {
        *reterr = err;
    }
    return rc;
}

enum px_code agg_retention(void *svc, const char *arg, struct px_err *reterr) {
    const struct agg *a = svc;
    struct agg_stop stop;
    enum px_code rc = agg_stop_begin(&stop, reterr);
    if (rc == PX_OK) {
        rc = work(a, strcmp(arg, "run") == 0, &stop, reterr);
        agg_stop_end(&stop);
    }
    return rc;
}
