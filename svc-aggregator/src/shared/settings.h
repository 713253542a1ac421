/* px_settings: facts about a database that its tables do not show. Read inside transactions, so
 * that what they say and what the tables hold belong together. */
#ifndef AGG_SETTINGS_H
#define AGG_SETTINGS_H

#include "table.h"

/* A day, only ever raised. Events of an earlier day may have lost their claims: they are late. */
#define AGG_CLAIMS_FROM "claims_from"

/* agg_settings_zone(s, zone, reterr): the zone that cuts the days of this database: stored at the
 * first start, compared afterwards. Errors: PX_CONFIG (names both), PX_SQL*. */
PX_MUST_USE enum px_code agg_settings_zone(struct px_sql *s, const char *zone,
                                           struct px_err *reterr);

/* agg_settings_zone_same(s, zone, reterr): the same, without storing it. */
PX_MUST_USE enum px_code agg_settings_zone_same(struct px_sql *s, const char *zone,
                                                struct px_err *reterr);

/* agg_setting_day(st, name, ret, reterr): the day stored under ${name}; 1970-01-01 when there is
 * none. ${st}: PX_ST_SETTING_GET, prepared. Errors: PX_SCHEMA (it is no day), PX_SQL*. */
PX_MUST_USE enum px_code agg_setting_day(struct px_stmt *st, const char *name, px_day *ret,
                                         struct px_err *reterr);
/* agg_setting_raise(s, name, day, reterr): store ${day} under ${name} unless a later one is there.
 */
PX_MUST_USE enum px_code agg_setting_raise(struct px_sql *s, const char *name, px_day day,
                                           struct px_err *reterr);

#endif
