/* The commands --reconcile and --rebuild. Both print their own result. */
#ifndef AGG_RECONCILE_H
#define AGG_RECONCILE_H

#include <px/app.h>

/* agg_reconcile(svc, arg, reterr): compare everything, in one snapshot. PX_DIFFERS when something
 * differs. agg_rebuild: put the days whose raw rows are complete right, beside running aggregators;
 * PX_INVALID when a day that was asked for is not. Errors of both: PX_USAGE, PX_SCHEMA, those of
 * px_sql_open. */
enum px_code agg_reconcile(void *svc, const char *arg, struct px_err *reterr);
enum px_code agg_rebuild(void *svc, const char *arg, struct px_err *reterr);

extern const struct px_app_param agg_reconcile_params[3];
extern const struct px_app_param agg_rebuild_params[4];

#endif
