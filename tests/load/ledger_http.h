/* A GET over plain HTTP, for px-ledger's questions to the REST API. */
#ifndef LEDGER_HTTP_H
#define LEDGER_HTTP_H

#include <px/buf.h>

/* lg_get(server, target, ret_status, body, reterr): ${server} as host:port. ${body} is replaced by
 * the content. One connection per question; waits at most 30 s for each part of the answer. Errors:
 * PX_UNAVAILABLE, PX_PROTOCOL (no HTTP, or a chunked answer), PX_TOO_LARGE. */
PX_MUST_USE enum px_code lg_get(const char *server, const char *target, int *ret_status,
                                struct px_buf *body, struct px_err *reterr);

#endif
