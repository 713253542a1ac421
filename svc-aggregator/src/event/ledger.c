/* Ledger rows of a slice: counted after the claims, stored in the same transaction as the offsets.
 */
#include "ledger.h"

void agg_ledger_fold(const struct agg_slice *s, struct agg_ledger_row *rows) {
    size_t at = 0;
    for (size_t i = 0; i < s->nranges; i++) {
        const struct agg_range *r = &s->ranges[i];
        struct agg_ledger_row row = {.partition = r->partition, .advance = r->hi - r->lo};
        row.hole = row.advance - (int64_t)r->nitems;
        for (size_t k = 0; k < r->nitems; k++) {
            row.moved[s->items[at++]->disposition]++;
        }
        rows[i] = row;
    }
}

bool agg_ledger_holds(const struct agg_ledger_row *row) {
    int64_t sum = row->hole;
    for (size_t d = 0; d < PX_DISPOSITIONS; d++) {
        sum += row->moved[d];
    }
    return row->hole >= 0 && sum == row->advance;
}
