/* Documents that the event port serves as they are: made once at start, the same for everybody. */
#ifndef ING_PAGES_H
#define ING_PAGES_H

#include "answer.h"
#include "routes.h"

#include <px/catalog.h>

struct ing_pages {
    struct ing_document v[ING_PAGES];
    struct px_buf schema;
    char etag[ING_PAGES][36]; /* quoted; "" = none */
};

/* ing_pages_init(p, cat, reterr): views kept in ${p}, which must not move. Errors: PX_NOMEM. */
PX_MUST_USE enum px_code ing_pages_init(struct ing_pages *p, const struct px_catalog *cat,
                                        struct px_err *reterr);
void ing_pages_fini(struct ing_pages *p);

/* ing_page_held(etag, req): does the client of ${req} hold the bytes with that entity tag (quoted;
 * NULL = none) already, as If-None-Match says? Source: RFC 9110 13.1.2. Threads: pure. */
bool ing_page_held(const char *etag, const struct px_http_req *req);

#endif
