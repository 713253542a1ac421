/* The probes of erasure, rows of probes.c. svc: the struct agg. */
#ifndef AGG_ERASE_PROBES_H
#define AGG_ERASE_PROBES_H

#include <px/probe.h>

/* The file of keys can be read, its keys are long enough, and not everybody may read it (a
 * warning). Errors: PX_CONFIG. */
enum px_code agg_probe_erasure_keys(void *svc, struct px_probe_out *out, struct px_err *reterr);
/* Every erasure of the database is known by a key of the ring; none waits to be finished (a
 * warning). Errors: PX_CONFIG, PX_SQL*. */
enum px_code agg_probe_erasures(void *svc, struct px_probe_out *out, struct px_err *reterr);
/* The topic is there, compacted (a warning when the brokers do not tell) and readable. Errors:
 * PX_CONFIG, PX_NOT_FOUND, PX_DENIED, PX_UNAVAILABLE. */
enum px_code agg_probe_erasure_topic(void *svc, struct px_probe_out *out, struct px_err *reterr);

#endif
