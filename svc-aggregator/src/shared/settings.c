/* Facts about a database that its tables do not show: the zone of its days, and from which day on
 * its claims and raw rows are all there. */
#include "settings.h"

#include <px/num.h>

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

enum px_code agg_settings_zone_same(struct px_sql *s, const char *zone, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code rc = agg_stmt(s, PX_ST_SETTING_GET, &st, reterr);
    rc = rc == PX_OK ? compare_zone(st, zone, reterr) : rc;
    px_stmt_free(st);
    return rc == PX_NO_ROW ? PX_OK : rc;
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

enum px_code agg_setting_day(struct px_stmt *st, const char *name, px_day *ret,
                             struct px_err *reterr) {
    px_day day = 0;
    enum px_code rc = px_bind_text(st, 0, px_str_c(name), reterr);
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_next(st, reterr) : rc;
    if (rc == PX_OK && !px_parse_date(px_col_text(st, 0), &day)) {
        rc = PX_FAIL(reterr, PX_SCHEMA,
                     "px_settings: %s is no day (YYYY-MM-DD): somebody wrote to it", name);
    }
    px_stmt_end(st);
    if (rc == PX_OK || rc == PX_NO_ROW) {
        *ret = day;
    }
    return rc == PX_NO_ROW ? PX_OK : rc;
}

enum px_code agg_setting_raise(struct px_sql *s, const char *name, px_day day,
                               struct px_err *reterr) {
    char text[PX_TIME_TEXT];
    struct px_stmt *st = NULL;
    size_t n = px_fmt_date(day, text);
    enum px_code rc = agg_stmt(s, PX_ST_SETTING_RAISE, &st, reterr);
    rc = rc == PX_OK ? px_bind_text(st, 0, px_str_c(name), reterr) : rc;
    rc = rc == PX_OK ? px_bind_text(st, 1, (struct px_str){.p = text, .n = n}, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    px_stmt_free(st);
    return rc;
}
