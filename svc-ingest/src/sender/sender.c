/* The header fields and the connection of a request -> who sent it. */
#include "sender.h"

#include <string.h>

bool ing_traceparent_ok(struct px_str s) {
    static const char shape[] = "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
    bool trace = false, span = false;

    if (s.n != sizeof shape - 1) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (shape[i] == 'x' ? !hex : c != shape[i]) {
            return false;
        }
        trace |= i >= 3 && i < 35 && c != '0';
        span |= i >= 36 && i < 52 && c != '0';
    }
    return trace && span; /* all-zero ids are invalid */
}

enum px_code ing_proxies_init(struct px_fwd_policy *p, const struct ing_conf *conf,
                              struct px_err *reterr) {
    char text[PX_NET_TEXT];
    struct px_err err = PX_ERR_INIT;

    p->header = (enum px_fwd_header)conf->proxy_header; /* in the order of the row */
    if (px_nets_parse(px_str_c(conf->trusted), &p->trusted, &err)) {
        return PX_FAIL(reterr, PX_CONFIG, "Proxy:Trusted: %s", err.msg);
    }
    for (size_t i = 0; i < p->trusted.n; i++) {
        px_net_fmt(&p->trusted.v[i], text);
        if (strcmp(text, "0.0.0.0/0") == 0 || strcmp(text, "::/0") == 0) {
            return PX_FAIL(reterr, PX_CONFIG,
                           "Proxy:Trusted: %s trusts everybody, so that each sender could choose "
                           "its address: name the networks of your proxies",
                           text);
        }
    }
    return PX_OK;
}

void ing_sender_walk(const struct px_fwd_policy *p, const struct px_http_req *req,
                     struct px_fwd_walk *ret) {
    PX_UNSET struct px_fwd_fields fields;

    fields.n = px_req_headers(req, px_fwd_header_name(p->header), fields.v, PX_ARRAY_LEN(fields.v));
    px_fwd_walk(p, px_req_peer_addr(req), &fields, ret);
}

void ing_sender_of(struct ing_sender *s, struct ing_finder *f, const struct px_http_req *req) {
    struct px_str trace = px_req_header(req, "traceparent", NULL);
    PX_UNSET struct px_fwd_walk walk;

    ing_sender_walk(f->proxies, req, &walk);
    *s = (struct ing_sender){.client = walk.client,
                             .found = walk.end,
                             .address = ing_address_kept(&f->address, &walk.client),
                             .user_agent = px_req_header(req, "user-agent", NULL)};
    if (trace.p && ing_traceparent_ok(trace)) {
        s->traceparent = trace;
    }
}

/* A peer with a private address is rarely a client of the internet, and has forwarded something. */
bool ing_sender_hint(struct ing_finder *f, const struct ing_sender *s, px_us now) {
    if (s->found != PX_FWD_IGNORED || (f->hinted && now - f->hinted < PX_US_PER_HOUR) ||
        !px_addr_is_private(&s->client)) {
        return false;
    }
    f->hinted = now;
    return true;
}

void ing_sender_classify(struct ing_sender *s, const struct px_http_req *req,
                         struct ing_classes *classes) {
    struct ing_signals signals = {.keyed = s->key != NULL,
                                  .user_agent = s->user_agent,
                                  .sec_purpose = px_req_header(req, "sec-purpose", NULL),
                                  .purpose = px_req_header(req, "purpose", NULL),
                                  .x_purpose = px_req_header(req, "x-purpose", NULL),
                                  .x_moz = px_req_header(req, "x-moz", NULL),
                                  .sec_gpc = px_req_header(req, "sec-gpc", NULL),
                                  .dnt = px_req_header(req, "dnt", NULL)};
    struct ing_class c = ing_classes_get(classes, &signals);

    s->traffic = c.traffic;
    s->traffic_class = px_str_c(px_traffic_word(c.traffic));
    s->traffic_reason = c.reason;
}

void ing_sender_stamp(const struct ing_sender *s, struct px_raw_event *raw) {
    raw->source_ip = s->address;
    raw->user_agent = s->user_agent;
    raw->traffic_class = s->traffic_class;
    raw->traffic_reason = s->traffic_reason;
    raw->traceparent = s->traceparent;
}
