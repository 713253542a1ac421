/* From path and query to a typed call: every parameter is declared by the endpoint, everything else
 * is refused by name. All faults of a request are found in one pass. */
#ifndef API_PARAMS_H
#define API_PARAMS_H

#include "endpoint.h"

struct api_param_rules {
    struct api_range_rules range;
    int64_t page_default, page_max;
};

/* api_match(path, ret_ep, ret_part): the endpoint of a raw path, and its raw last part. */
const struct api_endpoint *api_match(struct px_str path, struct px_str *ret_part);

/* api_params(rules, query, part, call, faults): fill name, range, page and fingerprint of ${call},
 * whose ep, catalog, zone and arena are set. Faults are added to ${faults}; false when there are
 * any. Errors: out of memory is a fault with status 503. Threads: pure. */
struct api_param_text {
    struct px_str query, part;
};
bool api_params(const struct api_param_rules *rules, const struct api_param_text *text,
                struct api_call *call, struct api_faults *faults);

/* api_cursor_write(call, first, out): an opaque cursor for the page that begins at ${first}. */
#define API_CURSOR_TEXT 48
size_t api_cursor_write(uint64_t fingerprint, size_t first, char out[API_CURSOR_TEXT]);
PX_MUST_USE bool api_cursor_read(uint64_t fingerprint, struct px_str text, size_t *ret_first);

#endif
