/* Who may be under way together. The truth needs to know which of several requests came first in
 * two cases only: the first of a natural key (its minute counts), and all that share an id (the
 * first holds it). Those wait for each other; everything else goes when it is due, however hot its
 * player is. All in constant time, but for waking those who wait. */
#ifndef ORDER_H
#define ORDER_H

#include "load.h"
#include "queue.h"
#include "table.h"

struct order {
    struct load_request *v; /* borrowed: the run's */
    struct table locks;     /* what is under way: the first and the last that wait for it */
    struct table claimed;   /* natural keys of which one was acknowledged */
    size_t waiting;
};
#define ORDER_INIT ((struct order){.v = NULL})

/* order_init(o, run, planned): ${o} keeps the requests of ${run}, of which about ${planned} will
 * come. Errors: PX_NOMEM. */
PX_MUST_USE enum px_code order_init(struct order *o, const struct load_run *run, uint64_t planned);
void order_fini(struct order *o);

/* order_admit(o, i, ready): request ${i} enters: at the end of ${ready}, or it waits. Errors:
 * PX_NOMEM. */
PX_MUST_USE enum px_code order_admit(struct order *o, uint32_t i, struct queue *ready);

/* order_done(o, i, ready): request ${i}, which was ready, has its final state. Whoever waited for
 * it follows into ${ready}, oldest first. Errors: PX_NOMEM. */
PX_MUST_USE enum px_code order_done(struct order *o, uint32_t i, struct queue *ready);

#endif
