/* llhttp as the tokenizer of a complete head: its callbacks fill the request's views. The gate has
 * seen every byte before; here both must come to the same target and number of fields. It must not
 * see bodies: llhttp is stopped at the end of the head. Pure. */
#include "req_priv.h"

#include <llhttp.h>

struct tokens {
    struct px_http_req *r;
    struct px_span url;
    bool in_value; /* the last callback was a value: the next name begins a field */
    bool done;     /* headers complete */
};

static bool extend(const struct tokens *t, struct px_span *s, const char *at, size_t n) {
    uint32_t from = (uint32_t)(at - t->r->base);
    if (s->n == 0) {
        s->at = from;
    } else if (s->at + s->n != from) {
        return false;
    }
    s->n += (uint32_t)n;
    return true;
}

static int on_url(llhttp_t *p, const char *at, size_t n) {
    struct tokens *t = p->data;
    return extend(t, &t->url, at, n) ? 0 : HPE_USER;
}

static int on_name(llhttp_t *p, const char *at, size_t n) {
    struct tokens *t = p->data;
    struct px_http_req *r = t->r;
    if (t->in_value || r->nfields == 0) {
        if (r->nfields == PX_HTTP_FIELDS_MAX) {
            return HPE_USER;
        }
        r->fields[r->nfields++] = (struct px_field){0};
        t->in_value = false;
    }
    return extend(t, &r->fields[r->nfields - 1].name, at, n) ? 0 : HPE_USER;
}

static int on_value(llhttp_t *p, const char *at, size_t n) {
    struct tokens *t = p->data;
    struct px_http_req *r = t->r;
    t->in_value = true;
    if (r->nfields == 0) {
        return HPE_USER;
    }
    return extend(t, &r->fields[r->nfields - 1].value, at, n) ? 0 : HPE_USER;
}

static int on_headers_complete(llhttp_t *p) {
    struct tokens *t = p->data;
    t->done = true;
    return HPE_PAUSED; /* the body is ours to frame */
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
};

static enum px_http_refusal refusal_of(llhttp_errno_t e) {
    static const struct {
        llhttp_errno_t e;
        enum px_http_refusal why;
    } rows[] = {
        {HPE_UNEXPECTED_CONTENT_LENGTH, PX_REFUSED_LENGTH},
        {HPE_INVALID_CONTENT_LENGTH, PX_REFUSED_LENGTH},
        {HPE_INVALID_TRANSFER_ENCODING, PX_REFUSED_FRAMING},
        {HPE_INVALID_HEADER_TOKEN, PX_REFUSED_FIELD},
        {HPE_INVALID_URL, PX_REFUSED_TARGET},
        {HPE_INVALID_VERSION, PX_REFUSED_VERSION},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        if (rows[i].e == e) {
            return rows[i].why;
        }
    }
    return PX_REFUSED_SYNTAX;
}

static void trim_values(struct px_http_req *r) {
    for (size_t i = 0; i < r->nfields; i++) {
        struct px_span *v = &r->fields[i].value;
        struct px_str t = px_str_trim(px_req_view(r, *v));
        *v = (struct px_span){.at = (uint32_t)(t.p - r->base), .n = (uint32_t)t.n};
    }
}

bool px_parse_head(struct px_http_req *r, struct px_str head, uint32_t fields,
                   enum px_http_refusal *ret_why) {
    struct tokens t = {.r = r};
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &t;
    llhttp_errno_t e = llhttp_execute(&parser, head.p, head.n);
    trim_values(r);
    if (!t.done) {
        *ret_why = refusal_of(e);
        return false;
    }
    bool agree = r->nfields == fields && t.url.at == r->target.at && t.url.n == r->target.n;
    if (!agree) {
        *ret_why = PX_REFUSED_SYNTAX;
    }
    return agree;
}
