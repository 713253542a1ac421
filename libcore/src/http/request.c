/* Views of a request for the program: offsets become strings here. Pure. */
#include "http_priv.h"

enum px_method px_req_method(const struct px_http_req *r) {
    return r->method;
}

struct px_str px_req_path(const struct px_http_req *r) {
    return px_req_view(r, r->path);
}

struct px_str px_req_query(const struct px_http_req *r) {
    return px_req_view(r, r->query);
}

struct px_str px_req_body(const struct px_http_req *r) {
    return px_req_view(r, r->body);
}

struct px_str px_req_header(const struct px_http_req *r, const char *name, bool *ret_twice) {
    struct px_str want = px_str_c(name);
    struct px_str found = {.p = NULL, .n = 0};
    if (ret_twice) {
        *ret_twice = false;
    }
    for (size_t i = 0; i < r->nfields; i++) {
        const struct px_field *f = &r->fields[i];
        if (f->name.n != want.n || !px_str_ieq(px_req_view(r, f->name), want)) {
            continue;
        }
        if (!found.p) {
            found = px_req_view(r, f->value);
        } else if (ret_twice) {
            *ret_twice = true;
        }
    }
    return found;
}

size_t px_req_headers(const struct px_http_req *r, const char *name, struct px_str *ret,
                      size_t cap) {
    struct px_str want = px_str_c(name);
    size_t n = 0;
    for (size_t i = r->nfields; i > 0 && n < cap; i--) {
        const struct px_field *f = &r->fields[i - 1];
        if (f->name.n == want.n && px_str_ieq(px_req_view(r, f->name), want)) {
            ret[n++] = px_req_view(r, f->value);
        }
    }
    for (size_t i = 0; i < n / 2; i++) {
        struct px_str other = ret[n - 1 - i];
        ret[n - 1 - i] = ret[i];
        ret[i] = other;
    }
    return n;
}

struct px_str px_req_peer(const struct px_http_req *r) {
    return px_str_c(r->conn->peer);
}

static struct px_str arrived(const struct px_http_req *r) {
    const struct px_inbuf *in = &r->conn->in;
    return (struct px_str){.p = in->p + in->start, .n = in->end - in->start};
}

struct px_str px_req_seen_line(const struct px_http_req *r) {
    struct px_str s = arrived(r);
    s.n = px_str_find(s, '\n');
    s.n -= s.n > 0 && s.p[s.n - 1] == '\r';
    return s;
}

struct px_str px_req_seen_body(const struct px_http_req *r) {
    struct px_str s = arrived(r);
    size_t head = r->conn->gate.head, decoded = r->conn->chunks.out;
    if (head == 0 || head > s.n) {
        return (struct px_str){.n = 0};
    }
    size_t end = r->codings == 0 ? s.n : decoded > head ? decoded : head;
    size_t n = end - head;
    n = r->codings == 0 && n > r->length ? (size_t)r->length : n;
    return (struct px_str){.p = s.p + head, .n = n};
}

uint64_t px_req_length(const struct px_http_req *r) {
    return r->length;
}

const struct px_addr *px_req_peer_addr(const struct px_http_req *r) {
    return &r->conn->addr;
}

px_us px_req_received(const struct px_http_req *r) {
    return r->received;
}

static bool range_matches(struct px_str range, struct px_str prefix) {
    struct px_str type;
    bool wanted = px_weight_wants(range, &type);

    return wanted && type.n >= prefix.n &&
           px_str_ieq((struct px_str){.p = type.p, .n = prefix.n}, prefix);
}

static bool list_matches(struct px_str list, struct px_str prefix) {
    while (list.n) {
        if (range_matches(px_str_part(&list, ','), prefix)) {
            return true;
        }
    }
    return false;
}

bool px_req_names(const struct px_http_req *r, const char *field, const char *word) {
    struct px_str name = px_str_c(field), want = px_str_c(word);
    for (size_t i = 0; i < r->nfields; i++) {
        const struct px_field *f = &r->fields[i];
        if (f->name.n != name.n || !px_str_ieq(px_req_view(r, f->name), name)) {
            continue;
        }
        for (struct px_str rest = px_req_view(r, f->value); rest.n;) {
            struct px_str one = px_str_part(&rest, ',');
            one.n = px_str_find(one, ';');
            if (px_str_ieq(px_str_trim(one), want)) {
                return true;
            }
        }
    }
    return false;
}

bool px_req_accepts(const struct px_http_req *r, const char *type_prefix) {
    for (size_t i = 0; i < r->nfields; i++) {
        const struct px_field *f = &r->fields[i];
        if (f->name.n == 6 && px_str_ieq(px_req_view(r, f->name), PX_S("accept")) &&
            list_matches(px_req_view(r, f->value), px_str_c(type_prefix))) {
            return true;
        }
    }
    return false;
}
