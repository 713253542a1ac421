/* px.js, the browser's script, as it was when svc-ingest was built. Knows nothing of events. */
#ifndef ING_SCRIPT_H
#define ING_SCRIPT_H

#include "worker.h"

/* ing_script(w, req): answer GET or HEAD of the script. Threads: the worker's. */
void ing_script(struct ing_worker *w, struct px_http_req *req);

/* ing_script_takes_gzip(accept): whether a value of Accept-Encoding (n = 0: none) lets us pack.
 * Source: RFC 9110 12.5.3. Threads: pure. */
bool ing_script_takes_gzip(struct px_str accept);

#endif
