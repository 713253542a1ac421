/* Shared by the files of this folder: one request and its answer. */
#ifndef PX_REGISTRY_INTERNAL_H
#define PX_REGISTRY_INTERNAL_H

#include <px/registry.h>

#define PX_ANSWER_MAX (256 * 1024)

struct px_ask {
    const char *method; /* "GET", "POST", "PUT" */
    const char *path;   /* behind the base address; escaped */
    struct px_str body; /* n = 0 = none */
};

/* px_curl_open(conf, ret, reterr), px_curl_close: the HTTP client. Errors: PX_CONFIG, PX_NOMEM.
 * px_curl_ask(h, ask, ret_status, out, reterr): one request; ${out} gets the answer's content.
 * Errors: PX_UNAVAILABLE, PX_TIMEOUT, PX_CONFIG, PX_TOO_LARGE, PX_NOMEM. */
struct px_curl;
PX_MUST_USE enum px_code px_curl_open(const struct px_registry_conf *conf, struct px_curl **ret,
                                      struct px_err *reterr);
void px_curl_close(struct px_curl *h);
PX_MUST_USE enum px_code px_curl_ask(struct px_curl *h, const struct px_ask *ask, long *ret_status,
                                     struct px_buf *out, struct px_err *reterr);

#endif
