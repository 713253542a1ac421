/* --dlq=list|show|stats|replay: dead letters for an operator. Parameters in, text or JSON out; what
 * is done is in letters.c, letter_stats.c and replay.c. */
#ifndef AGG_DLQ_H
#define AGG_DLQ_H

#include "letters.h"

#include <px/app.h>

#define AGG_DLQ_PARAMS 11
extern const struct px_app_param agg_dlq_params[AGG_DLQ_PARAMS];

/* What was asked for. */
struct agg_dlq_ask {
    struct agg_letter_filter filter;
    int64_t limit; /* 0 = none given */
    bool json, dry, payload;
};

/* agg_dlq_parse(get, arg, what, now, ret, reterr): ${get} gives a parameter's value or NULL;
 * ${what}: the command's argument. Times are RFC 3339, a date (its first instant in UTC) or a span
 * before
 * ${now}. Errors: PX_USAGE naming parameter and remedy. Threads: pure. */
typedef const char *agg_dlq_get(const void *arg, const char *name);
PX_MUST_USE enum px_code agg_dlq_parse(agg_dlq_get *get, const void *arg, const char *what,
                                       px_us now, struct agg_dlq_ask *ret, struct px_err *reterr);

/* The command. Errors: PX_USAGE; PX_NOT_FOUND (no topic; nothing to show); those of Kafka and SQL.
 */
enum px_code agg_dlq(void *svc, const char *arg, struct px_err *reterr);

#endif
