/* Facts that must not change under a database. Read at every start. */
#include "offsets.h"

static enum px_code setting_add(struct px_sql *s, const char *name, const char *value,
                                struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code rc = agg_stmt(s, PX_ST_SETTING_ADD, &st, reterr);
    rc = rc == PX_OK ? px_bind_text(st, 0, px_str_c(name), reterr) : rc;
    rc = rc == PX_OK ? px_bind_text(st, 1, px_str_c(value), reterr) : rc;
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    px_stmt_free(st);
    return rc;
}

static enum px_code compare_zone(struct px_stmt *st, const char *zone, struct px_err *reterr) {
    enum px_code rc = px_bind_text(st, 0, PX_S("day_zone"), reterr);
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_next(st, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    struct px_str stored = px_col_text(st, 0);
    if (!px_str_is(stored, zone)) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "Sql:DayZone is %s, but the days of this database are cut in %.*s, which "
                       "cannot be changed afterwards: set Sql:DayZone=%.*s",
                       zone, PX_S_ARG(stored), PX_S_ARG(stored));
    }
    return PX_OK;
}

enum px_code agg_settings_zone(struct px_sql *s, const char *zone, struct px_err *reterr) {
    enum px_code rc = px_tx_begin(s, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    struct px_stmt *st = NULL;
    rc = setting_add(s, "day_zone", zone, reterr);
    rc = rc == PX_OK ? agg_stmt(s, PX_ST_SETTING_GET, &st, reterr) : rc;
    rc = rc == PX_OK ? compare_zone(st, zone, reterr) : rc;
    px_stmt_free(st);
    if (rc != PX_OK) {
        px_tx_rollback(s);
        return rc;
    }
    enum px_outcome outcome = PX_ROLLED_BACK;
    return px_tx_commit(s, &outcome, reterr);
}
