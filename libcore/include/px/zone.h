/* The rule that says which day an instant belongs to: UTC, or an IANA zone read from the system's
 * tz database. Fixed per database, because stored days cannot be re-cut. Threads: pure after load.
 */
#ifndef PX_ZONE_H
#define PX_ZONE_H

#include <px/err.h>
#include <px/str.h>

struct px_zone;

/* px_zone_load(name, ret, reterr): "UTC" or an IANA name such as "Europe/Berlin".
 * Gives: ${ret}, free with px_zone_free. Errors: PX_CONFIG (no such zone, file unreadable). */
PX_MUST_USE enum px_code px_zone_load(const char *name, struct px_zone **ret,
                                      struct px_err *reterr);

/* px_zone_parse(name, tzif, ret, reterr): the same from the bytes of a TZif file (version 2 or
 * later). Errors: PX_CONFIG (not such a file, or damaged). Source: RFC 8536. */
PX_MUST_USE enum px_code px_zone_parse(const char *name, struct px_str tzif, struct px_zone **ret,
                                       struct px_err *reterr);

/* NULL is fine for both: nothing to free, and "UTC". */
void px_zone_free(struct px_zone *z);
const char *px_zone_name(const struct px_zone *z);

/* px_zone_day(z, t): the local day of instant ${t}; a NULL zone is UTC. */
px_day px_zone_day(const struct px_zone *z, px_us t);
/* px_zone_day_start(z, d): the first instant of local day ${d}; of the next one there is when the
 * zone skipped ${d}. */
px_us px_zone_day_start(const struct px_zone *z, px_day d);

#endif
