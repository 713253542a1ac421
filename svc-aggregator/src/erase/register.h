/* The rows of `erasures` and `erasure_counts`: who was erased, how far that got, how many rows of
 * each table it touched. Below the commands and the work; knows no player. */
#ifndef AGG_REGISTER_H
#define AGG_REGISTER_H

#include "beside.h"

#include <px/buf.h>
#include <px/hmac.h>
#include <px/keyring.h>

struct agg_entry {
    int64_t number;
    char kid[PX_KID_MAX + 1], fingerprint[PX_HMAC_TEXT + 1];
    px_us asked_at, finished_at; /* finished_at 0 = not yet */
};

/* agg_register_get(s, fingerprint, ret, receipt, reterr): PX_NO_ROW when nobody of that fingerprint
 * was erased. ${receipt} (may be NULL) gets what was stored at the end. Errors: PX_SQL*, PX_SCHEMA
 * (a row out of shape). */
PX_MUST_USE enum px_code agg_register_get(struct px_sql *s, const char *fingerprint,
                                          struct agg_entry *ret, struct px_buf *receipt,
                                          struct px_err *reterr);

/* agg_register_add(b, e, reterr): e->kid, e->fingerprint and e->asked_at become a row, committed;
 * or the row that is there already is ${e}. */
PX_MUST_USE enum px_code agg_register_add(const struct agg_beside *b, struct agg_entry *e,
                                          struct px_err *reterr);

/* agg_register_list(s, open, out, reterr): append struct agg_entry of all, or of those that are not
 * finished, in the order of their numbers; times are not filled. */
PX_MUST_USE enum px_code agg_register_list(struct px_sql *s, bool open, struct px_buf *out,
                                           struct px_err *reterr);

/* Inside the caller's transaction. agg_register_lock: nobody else works on it until its end;
 * agg_register_lock_all, before it: nor on the sums of any other. agg_register_count: ${rows} more
 * of ${table}. */
PX_MUST_USE enum px_code agg_register_lock(struct px_sql *s, int64_t number, struct px_err *reterr);
PX_MUST_USE enum px_code agg_register_lock_all(struct px_sql *s, struct px_err *reterr);
PX_MUST_USE enum px_code agg_register_count(struct px_sql *s, int64_t number, const char *table,
                                            int64_t rows, struct px_err *reterr);
PX_MUST_USE enum px_code agg_register_reopen(struct px_sql *s, int64_t number,
                                             struct px_err *reterr);
PX_MUST_USE enum px_code agg_register_finish(struct px_sql *s, const struct agg_entry *e,
                                             struct px_str receipt, struct px_err *reterr);

#define AGG_TABLES_MAX 70
struct agg_touched {
    struct {
        char table[64];
        int64_t rows;
    } v[AGG_TABLES_MAX]; /* by name */
    size_t n;
};
PX_MUST_USE enum px_code agg_register_counts(struct px_sql *s, int64_t number,
                                             struct agg_touched *ret, struct px_err *reterr);

#endif
