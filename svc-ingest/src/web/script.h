/* px.js, the browser's script, as it was when svc-ingest was built. Knows nothing of events. */
#ifndef ING_SCRIPT_H
#define ING_SCRIPT_H

#include "handle.h"

/* ing_script(w, rq): answer GET or HEAD of the script. Threads: the worker's. */
void ing_script(struct ing_worker *w, const struct ing_request *rq);

/* ing_script_takes_gzip(accept): whether a value of Accept-Encoding (n = 0: none) lets us pack.
 * Source: RFC 9110 12.5.3. Threads: pure. */
bool ing_script_takes_gzip(struct px_str accept);

#endif
