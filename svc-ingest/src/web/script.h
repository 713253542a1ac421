/* px.js, the browser's script, as it was when svc-ingest was built. Knows nothing of events. */
#ifndef ING_SCRIPT_H
#define ING_SCRIPT_H

#include "worker.h"

/* ing_script(w, req): answer GET or HEAD of the script. Threads: the worker's. */
void ing_script(struct ing_worker *w, struct px_http_req *req);

/* ing_script_takes_gzip(accept): whether a value of Accept-Encoding (n = 0: none) lets us pack.
 * Source: RFC 9110 12.5.3. Threads: pure. */
bool ing_script_takes_gzip(struct px_str accept);
/* ing_script_has(tags, tag): whether a value of If-None-Match names the entity tag ${tag}, weakly
 * or not, or is "*". Source: RFC 9110 13.1.2. Threads: pure. */
bool ing_script_has(struct px_str tags, struct px_str tag);

#endif
