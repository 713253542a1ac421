/* What --reconcile and --rebuild have in common: a connection that is patient, the facts of the
 * database, the aggregations as statements, the days, and of which of them raw rows are complete.
 */
#ifndef AGG_AUDIT_H
#define AGG_AUDIT_H

#include "accounts.h"
#include "agg.h"
#include "days.h"
#include "recount.h"

struct agg_audit {
    struct agg *agg;
    struct agg_span span;
    struct agg_report report;
    /* of the open connection */
    struct px_sql *s;
    struct px_zone *zone;  /* that cuts the days of this database        */
    px_day complete_from;  /* agg_complete_from "raw"                  */
    int64_t missing;       /* counted events without a raw row, of those
                              days on which there should be one          */
    int64_t copies;        /* agg_accounts_copies                        */
    struct agg_recount *v; /* one per rollup, in their order             */
    size_t n;
    struct agg_days days;
    /* set by the owner before agg_audit_days, to change what is not vouched for: tables are asked
     * also when an account is wrong that could tell, and where they disagree a day is not complete
     */
    bool careful;
    bool doubt;   /* there is such an account */
    bool erasing; /* a player is being taken out: what is kept per player is between two states */
};

/* agg_audit_init(a, agg, command, reterr): read the parameters of the command line. Errors:
 * PX_USAGE. */
PX_MUST_USE enum px_code agg_audit_init(struct agg_audit *a, struct agg *agg, const char *command,
                                        struct px_err *reterr);
void agg_audit_fini(struct agg_audit *a);

/* agg_audit_open(a, use, reterr): connect, check the schema, read zone and settings. Errors: those
 * of px_sql_open, PX_SCHEMA. */
PX_MUST_USE enum px_code agg_audit_open(struct agg_audit *a, enum px_sql_use use,
                                        struct px_err *reterr);
/* agg_audit_disconnect(a): close the connection; what was found out stays. agg_audit_connect: open
 * another, with the aggregations prepared on it. Errors: those of px_sql_open, PX_SQL*. */
void agg_audit_disconnect(struct agg_audit *a);
PX_MUST_USE enum px_code agg_audit_connect(struct agg_audit *a, enum px_sql_use use,
                                           struct px_err *reterr);

/* agg_complete_from(s, what, ret, reterr): the first day from which on every row is there:
 * ${what} "raw" for the rows of `events`, or the name of a rollup for its own. Whoever removes rows
 * of earlier days must first store the setting "{what}_complete_from" (an ISO date) in px_settings,
 * in the transaction that removes the first of them. 0 = since the beginning (no setting). Errors:
 * PX_SQL*, PX_CONFIG (it holds no date). */
PX_MUST_USE enum px_code agg_complete_from(struct px_sql *s, const char *what, px_day *ret,
                                           struct px_err *reterr);

/* agg_audit_days(a, accounts, reterr): the days to look at, and their states; the first thing that
 * reads `events`, in the caller's transaction. */
PX_MUST_USE enum px_code agg_audit_days(struct agg_audit *a, const struct agg_accounts *accounts,
                                        struct px_err *reterr);

/* agg_audit_erasing(s, ret, reterr): is an erasure noted and not finished? */
PX_MUST_USE enum px_code agg_audit_erasing(struct px_sql *s, bool *ret, struct px_err *reterr);

/* agg_audit_exact(a, rc, ret_why): can ${rc} be counted from raw rows at all? A measure that adds
 * up `accepted` events counts copies, of which there is one raw row: not while there are copies.
 * What is kept per player, not while one is being erased. */
bool agg_audit_exact(const struct agg_audit *a, const struct agg_recount *rc, const char **ret_why);
/* agg_audit_window(a, rc, i, ret): window ${i} of ${rc}, as wide as its key says. False when its
 * raw rows are not complete; it is then not to be looked at. */
bool agg_audit_window(const struct agg_audit *a, const struct agg_recount *rc, size_t i,
                      struct px_window *ret);
/* agg_audit_whole(a, rc, ret, ret_why): the window of an aggregation without day and bucket. False
 * with the reason when it cannot be checked. */
bool agg_audit_whole(const struct agg_audit *a, const struct agg_recount *rc, struct px_window *ret,
                     const char **ret_why);
/* agg_audit_partial(a): keys without a day may have had events of which no raw row is left. */
bool agg_audit_partial(const struct agg_audit *a);
/* agg_audit_why(a, d, out): why ${d} is not complete, for people. */
#define AGG_WHY 256
void agg_audit_why(const struct agg_audit *a, const struct agg_day *d, char out[AGG_WHY]);

#endif
