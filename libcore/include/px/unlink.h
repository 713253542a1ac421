/* Takes a player out of a table that is kept per player: an aggregation whose key holds the id. Its
 * rows are combined, by the operation of each column, into those of nobody, whose id is empty, as
 * no player's can be; so sums stay, and what raw rows of nobody add up to is there. Rendering is
 * pure; golden files hold samples. */
#ifndef PX_UNLINK_H
#define PX_UNLINK_H

#include <px/recount.h>

/* px_unlink_column(r): the column of ${r} that holds the player; NULL = none does. */
const char *px_unlink_column(const struct px_recount *r);

/* Each renders SQL of ${d} for ${r}, which has such a column. Parameters: (player), and behind it
 * the aggregation's name when its rows share their table (px_unlink_shared); ids: only the name.
 * merge: add the player's rows to nobody's. remove: delete them -> a row for each. count -> how
 * many. ids -> every player of the table once. Threads: pure. */
bool px_unlink_shared(const struct px_recount *r);
void px_unlink_merge(const struct px_dialect *d, const struct px_recount *r, struct px_buf *out);
void px_unlink_remove(const struct px_dialect *d, const struct px_recount *r, struct px_buf *out);
void px_unlink_count(const struct px_dialect *d, const struct px_recount *r, struct px_buf *out);
void px_unlink_ids(const struct px_dialect *d, const struct px_recount *r, struct px_buf *out);

#endif
