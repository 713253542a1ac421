/* One erasure from the first row to the receipt, on one connection:
 *   note it (committed), wait for every batch that does not know of it, take the player out of each
 *   table, say so in the topic, store the receipt.
 * Killed anywhere, the next run goes on; whoever finds it finished does nothing. Knows no command
 * line and no thread. */
#ifndef AGG_ERASE_H
#define AGG_ERASE_H

#include "erased.h"
#include "topic.h"
#include "unlink.h"

struct agg;

struct agg_eraser {
    const struct agg *a;
    struct agg_erase_topic topic;
    struct agg_unlink unlink;
    struct px_keyring ring;
    struct agg_erased told; /* what the topic held when it was read */
    int64_t strange;        /* records there that are none of ours  */
    px_us longest;          /* transaction */
};

/* agg_eraser_open(a, use, r, reterr): keys, and a connection to a database that fits; set
 * r->unlink.beside.pause and .arg afterwards. Close it also after a failure. Errors: PX_CONFIG
 * (Erasure:KeyFile), PX_SCHEMA, PX_SQL*. */
PX_MUST_USE enum px_code agg_eraser_open(const struct agg *a, enum px_sql_use use,
                                         struct agg_eraser *r, struct px_err *reterr);
void agg_eraser_close(struct agg_eraser *r);

/* agg_eraser_find(r, player, ret, receipt, reterr): was that player erased, under any key of the
 * ring? PX_NO_ROW: no; ${ret} is then the entry as it would be. */
PX_MUST_USE enum px_code agg_eraser_find(struct agg_eraser *r, struct px_str player,
                                         struct agg_entry *ret, struct px_buf *receipt,
                                         struct px_err *reterr);

/* agg_erase(r, player, receipt, ret_already, reterr): all of it; ${receipt} gets the receipt. Of a
 * player who is erased and in no table: the receipt of then, *ret_already, and nothing changes.
 * Errors: PX_CANCELLED (asked to stop), those of unlink.h and topic.h. */
PX_MUST_USE enum px_code agg_erase(struct agg_eraser *r, struct px_str player,
                                   struct px_buf *receipt, bool *ret_already,
                                   struct px_err *reterr);

/* agg_erase_import(r, ret_new, reterr): note what the topic says and this database does not know.
 * agg_erase_open(r, ret_done, reterr): finish what is noted and not finished, whose players are
 * found by their fingerprints; after an import. */
PX_MUST_USE enum px_code agg_erase_import(struct agg_eraser *r, int64_t *ret_new,
                                          struct px_err *reterr);
PX_MUST_USE enum px_code agg_erase_open(struct agg_eraser *r, int64_t *ret_done,
                                        struct px_err *reterr);

#endif
