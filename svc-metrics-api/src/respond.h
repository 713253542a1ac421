/* What answers look like: the envelope around `data`, and problem documents. Pure. */
#ifndef API_RESPOND_H
#define API_RESPOND_H

#include "endpoint.h"

/* api_envelope(call, zone_name, out): {data, meta, page?} of a loaded call. */
void api_envelope(const struct api_call *call, struct px_buf *out);

/* api_link(call, path, query, out): the Link field of the next page, or nothing. */
struct api_target {
    struct px_str path, query;
};
void api_link(const struct api_call *call, const struct api_target *t, struct px_buf *out);

/* api_problem(faults, instance, out) / api_problem_of(err, ...): application/problem+json. The
 * second hides what a client has no business with (SQL text, hosts); returns the status. */
void api_problem(const struct api_faults *faults, struct px_str instance, struct px_buf *out);
int api_problem_of(const struct px_err *err, struct px_str instance, struct px_buf *out);

#endif
