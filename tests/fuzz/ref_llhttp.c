/* One request by llhttp, bodies included, stopped at the end by its callback. The gate lets it read
 * heads only. */
#include "ref.h"

#include <llhttp.h>

static void more(struct px_str *s, const char *at, size_t n) {
    *s = (struct px_str){.p = s->p ? s->p : at, .n = s->n + n};
}

static int url(llhttp_t *p, const char *at, size_t n) {
    struct ref_request *r = p->data;
    more(&r->target, at, n);
    return 0;
}

static int body(llhttp_t *p, const char *at, size_t n) {
    struct ref_request *r = p->data;
    px_buf_add(&r->body, at, n);
    return 0;
}

static int complete(llhttp_t *p) {
    struct ref_request *r = p->data;
    r->end = 1; /* the place is told by the parser */
    (void)p;
    return HPE_PAUSED;
}

enum ref_result ref_llhttp(struct px_str in, struct ref_request *ret) {
    static const llhttp_settings_t settings = {
        .on_url = url, .on_body = body, .on_message_complete = complete};
    llhttp_t p;
    llhttp_init(&p, HTTP_REQUEST, &settings);
    p.data = ret;
    llhttp_errno_t e = llhttp_execute(&p, in.p, in.n);
    if (ret->end) {
        ret->end = (size_t)(llhttp_get_error_pos(&p) - in.p);
        ret->method = px_str_c(llhttp_method_name((llhttp_method_t)p.method));
        return REF_COMPLETE;
    }
    return e == HPE_OK ? REF_MORE : REF_BAD;
}
