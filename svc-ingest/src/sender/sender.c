/* The header fields and the connection of a request -> who sent it. */
#include "sender.h"

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

void ing_sender_of(struct ing_sender *s, const struct px_http_req *req) {
    struct px_str trace = px_req_header(req, "traceparent", NULL);

    *s = (struct ing_sender){.address = px_req_peer(req),
                             .user_agent = px_req_header(req, "user-agent", NULL)};
    if (trace.p && ing_traceparent_ok(trace)) {
        s->traceparent = trace;
    }
}

void ing_sender_stamp(const struct ing_sender *s, struct px_raw_event *raw) {
    raw->source_ip = s->address;
    raw->user_agent = s->user_agent;
    raw->traffic_class = s->traffic_class;
    raw->traceparent = s->traceparent;
}
