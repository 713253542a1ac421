/* The accounting of one slice: what became of every offset of every range. Pure.
 * Identity, per partition: hi - lo = sum of the dispositions + hole. */
#ifndef AGG_LEDGER_H
#define AGG_LEDGER_H

#include "batch.h"

struct agg_ledger_row {
    int32_t partition;
    int64_t advance; /* hi - lo */
    int64_t moved[PX_DISPOSITIONS];
    int64_t hole;
};

/* agg_ledger_fold(s, rows): one row per range of ${s}, in the same order. Threads: pure. */
void agg_ledger_fold(const struct agg_slice *s, struct agg_ledger_row *rows);
/* agg_ledger_holds(row): the identity. */
bool agg_ledger_holds(const struct agg_ledger_row *row);

#endif
