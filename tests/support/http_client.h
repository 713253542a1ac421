/* A plain HTTP/1.1 client for tests: one request per connection, the whole answer as text. */
#ifndef TEST_HTTP_CLIENT_H
#define TEST_HTTP_CLIENT_H

#include <stddef.h>

#define HTTP_ANSWER_MAX ((size_t)4 << 20)

struct http_answer {
    int status; /* 0: no answer (refused, closed, or time was up) */
    char *head; /* status line and fields, NUL-terminated */
    char *body; /* NUL-terminated; may hold NULs: body_n counts */
    size_t body_n;
    char *raw; /* owned: the storage of both */
};

/* http_ask(port, method, target, fields, body, ret): ${fields} are extra raw lines ("A: b\r\n") or
 * NULL,
 * ${body} text or NULL. Waits at most 20 s. http_get: method GET, nothing extra. */
struct http_request {
    const char *method, *target, *fields, *body;
    size_t body_n; /* 0: ${body} is text */
};
void http_ask(int port, const struct http_request *r, struct http_answer *ret);
void http_get(int port, const char *target, struct http_answer *ret);
void http_answer_fini(struct http_answer *a);

/* http_field(a, name, out, cap): the value of a field of the answer; "" when absent. Returns out.
 */
const char *http_field(const struct http_answer *a, const char *name, char *out, size_t cap);

#endif
