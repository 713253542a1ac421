/* One request by Debian's libhttp-parser, from head to the end of the body, stopped there by its
 * callback. Its names collide with llhttp's: one file each. */
#include "ref.h"

#include <http_parser.h>

static void more(struct px_str *s, const char *at, size_t n) {
    *s = (struct px_str){.p = s->p ? s->p : at, .n = s->n + n};
}

static int url(http_parser *p, const char *at, size_t n) {
    struct ref_request *r = p->data;
    more(&r->target, at, n);
    return 0;
}

static int body(http_parser *p, const char *at, size_t n) {
    struct ref_request *r = p->data;
    px_buf_add(&r->body, at, n);
    return 0;
}

static int complete(http_parser *p) {
    struct ref_request *r = p->data;
    r->end = 1; /* the place is told by the number of bytes that were taken */
    http_parser_pause(p, 1);
    return 0;
}

enum ref_result ref_http_parser(struct px_str in, struct ref_request *ret) {
    static const http_parser_settings settings = {
        .on_url = url, .on_body = body, .on_message_complete = complete};
    http_parser p;
    http_parser_init(&p, HTTP_REQUEST);
    p.data = ret;
    size_t taken = http_parser_execute(&p, &settings, in.p, in.n);
    if (ret->end) {
        ret->end = taken;
        ret->method = px_str_c(http_method_str(p.method));
        return REF_COMPLETE;
    }
    return HTTP_PARSER_ERRNO(&p) == HPE_OK ? REF_MORE : REF_BAD;
}
