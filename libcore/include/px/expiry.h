/* What goes from a table by its age: a rule as a row, and the three statements that it needs.
 * Rendering is pure; golden files hold samples. The caller decides how far and how many. */
#ifndef PX_EXPIRY_H
#define PX_EXPIRY_H

#include <px/dialect.h>

/* Rows whose `bound` is below a given value go; with a `guard`, only those whose guard, an instant,
 * is below a value of its own. */
struct px_expiry {
    const char *table;
    const char *const *keys; /* the primary key */
    const enum px_column *types;
    size_t nkeys;
    const char *bound;
    enum px_column bound_type; /* DATE, TIME or UUID */
    const char *guard;         /* NULL = none */
    bool walks; /* picked in the order of the key, each time behind the last one; else as the bound
                   comes */
};

/* Each renders SQL of ${d}. Parameters, in this order; <bound> is the bound and, if there is one,
 * the guard:
 * pick: the last key when it walks, <bound>, the number of rows -> keys; without a lock.
 * remove: when it walks the key that the pick began behind, the last that it found, <bound>; else
 * the rows of px_expiry_rows by px_rows_bind, then <bound>. What is not old any more stays. count:
 * <bound> -> how many there are. Threads: pure. */
void px_expiry_pick(const struct px_dialect *d, const struct px_expiry *x, struct px_buf *out);
void px_expiry_remove(const struct px_dialect *d, const struct px_expiry *x, struct px_buf *out);
void px_expiry_count(const struct px_dialect *d, const struct px_expiry *x, struct px_buf *out);
/* px_expiry_rows(x): the keys as rows of a statement; borrows from ${x}. */
struct px_table_stmt px_expiry_rows(const struct px_expiry *x);

#endif
