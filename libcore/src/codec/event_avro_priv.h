/* Shared by event_avro.c, which reads what our own schema writes, and event_plan.c, which reads
 * what others do. */
#ifndef PX_EVENT_AVRO_PRIV_H
#define PX_EVENT_AVRO_PRIV_H

#include <px/event_avro.h>

/* px_event_text(in, s): ${s}, just read from ${in}; a fault when it is no UTF-8 or holds a NUL. */
struct px_str px_event_text(struct px_avro_in *in, struct px_str s);

/* px_event_attr_put(v, n, a): into its place by name among ${n}, at most PX_EVENT_MAX_ATTRS. False
 * = the name is there already, or there is no room. */
PX_MUST_USE bool px_event_attr_put(struct px_attr *v, size_t *n, const struct px_attr *a);

/* px_event_attrs_keep(v, n, arena, e): copy them to ${arena} and into ${e}. Errors: PX_NOMEM. */
PX_MUST_USE enum px_code px_event_attrs_keep(const struct px_attr *v, size_t n,
                                             struct px_arena *arena, struct px_event *e);

/* px_event_own(in, arena, e): read a body as our own schema writes it; faults are in->failed.
 * Errors: PX_NOMEM. */
PX_MUST_USE enum px_code px_event_own(struct px_avro_in *in, struct px_arena *arena,
                                      struct px_event *e);

#endif
