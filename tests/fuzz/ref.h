/* Other readers of HTTP/1.1 requests, to compare the gate with. Each reads one request from the
 * beginning of some bytes, including its body, and says where it ends. */
#ifndef FUZZ_REF_H
#define FUZZ_REF_H

#include <px/buf.h>

enum ref_result {
    REF_COMPLETE,
    REF_MORE,
    REF_BAD
};
struct ref_request {
    size_t end; /* first byte behind the request */
    struct px_str method, target;
    size_t fields; /* of the head */
    struct px_buf body;
};
/* A reader: ${ret} is empty before, with a body that the caller frees. */
typedef enum ref_result ref_reader(struct px_str in, struct ref_request *ret);

/* Straight from the grammar of RFC 9110 and 9112, slowly; empty lines before a request are skipped.
 * What the RFC leaves to the server is refused where it is about framing. */
ref_reader ref_rfc;
/* Debian's libhttp-parser 2.9.4, the parser of Node.js until version 11. */
ref_reader ref_http_parser;
/* llhttp with its own reading of bodies, which the gate does not use. */
ref_reader ref_llhttp;

#endif
