/* A request as the bytes that go out, and as the texts that stand in the book. Both say the same.
 */
#include "load.h"

#include <px/num.h>

/* Numbers by hand instead of by printf: this runs for every request. */
static void add_named(struct px_buf *b, const struct load_conf *c, const char *infix, uint32_t n) {
    px_buf_c(b, c->prefix);
    px_buf_c(b, infix);
    px_buf_u64(b, n);
}

static void add_player(struct px_buf *b, const struct load_conf *c, const struct load_request *r) {
    add_named(b, c, "-p", r->player);
}

static void add_banner(struct px_buf *b, const struct load_conf *c, const struct load_request *r) {
    add_named(b, c, r->banner < 10 ? "-b0" : "-b", r->banner);
}

static void add_eid(struct px_buf *b, const struct load_conf *c, const struct load_request *r) {
    add_named(b, c, "-e", r->origin);
}

static bool has_fault(const struct load_request *r, enum load_fault fault) {
    return r->kind == LOAD_INVALID && r->fault == fault;
}

static const char *type_of(const struct load_request *r) {
    return has_fault(r, LOAD_UNKNOWN_TYPE) ? "purchase" : load_types[r->type];
}

static void add_head(struct px_buf *b, const struct load_conf *c, const struct load_target *t) {
    px_buf_c(b, " HTTP/1.1\r\nHost: ");
    px_buf_c(b, t->host);
    px_buf_byte(b, ':');
    px_buf_c(b, t->port);
    px_buf_c(b, "\r\nUser-Agent: px-load\r\n");
    if (!c->keep_alive) {
        px_buf_c(b, "Connection: close\r\n");
    }
}

static void write_query(const struct load_conf *c, const struct load_target *t,
                        const struct load_request *r, struct px_buf *b) {
    px_buf_c(b, "GET /api/pixel/");
    px_buf_c(b, type_of(r));
    px_buf_c(b, "?bannerTag=");
    add_banner(b, c, r);
    if (has_fault(r, LOAD_BAD_ESCAPE)) {
        px_buf_c(b, "&playerId=%zz");
    } else if (has_fault(r, LOAD_JUNK_ID)) {
        px_buf_c(b, "&playerId=undefined");
    } else if (!has_fault(r, LOAD_MISSING_FIELD)) {
        px_buf_c(b, "&playerId=");
        add_player(b, c, r);
    }
    px_buf_c(b, has_fault(r, LOAD_EMAIL) ? "&s=a%40b.example" : r->variant ? "&s=v1" : "&s=v0");
    if (r->with_id) {
        px_buf_c(b, "&eid=");
        add_eid(b, c, r);
    }
    add_head(b, c, t);
    px_buf_c(b, "Accept: image/*\r\n\r\n");
}

static void write_body(const struct load_conf *c, const struct load_request *r, struct px_buf *b) {
    char text[PX_TIME_TEXT];

    px_buf_c(b, "{\"eventType\":\"");
    px_buf_c(b, load_types[r->type]);
    px_buf_c(b, "\",\"playerId\":\"");
    add_player(b, c, r);
    px_buf_c(b, "\",\"bannerTag\":\"");
    add_banner(b, c, r);
    if (r->with_id) {
        px_buf_c(b, "\",\"eventId\":\"");
        add_eid(b, c, r);
    }
    if (r->stamped) {
        px_buf_c(b, "\",\"timestamp\":\"");
        px_buf_add(b, text, px_fmt_instant(load_event_time(c, r), text));
    }
    px_buf_c(b, r->kind == LOAD_INVALID ? "\",\"metadata\":{}" : "\"");
    px_buf_c(b, r->variant ? ",\"attributes\":{\"s\":\"v1\"}}" : ",\"attributes\":{\"s\":\"v0\"}}");
}

static void write_json(const struct load_conf *c, const struct load_target *t,
                       const struct load_request *r, struct px_buf *b) {
    char bytes[512]; /* prefixes are short: a body takes less than half of it */
    struct px_buf body = {.p = bytes, .cap = sizeof bytes, .max = sizeof bytes};

    write_body(c, r, &body);
    px_assert(!body.failed && body.p == bytes);
    px_buf_c(b, "POST /api/events");
    add_head(b, c, t);
    px_buf_c(b, "Content-Type: application/json\r\nContent-Length: ");
    px_buf_u64(b, body.n);
    px_buf_c(b, "\r\n\r\n");
    px_buf_str(b, px_buf_view(&body));
}

void load_request_write(const struct load_conf *conf, const struct load_target *target,
                        const struct load_request *r, struct px_buf *out) {
    if (r->json) {
        write_json(conf, target, r, out);
    } else {
        write_query(conf, target, r, out);
    }
}

/* What ${b} got since it held ${from} bytes. */
static struct px_str since(const struct px_buf *b, size_t from) {
    return (struct px_str){.p = b->p + from, .n = b->n - from};
}

void load_request_texts(const struct load_conf *conf, const struct load_request *r,
                        struct load_texts *ret) {
    struct px_buf b = {.p = ret->bytes, .cap = sizeof ret->bytes, .max = sizeof ret->bytes};

    ret->want = r->kind == LOAD_INVALID ? px_str_c(load_fault_codes[r->fault]) : PX_S("ok");
    ret->type = px_str_c(type_of(r));
    add_player(&b, conf, r);
    ret->player = since(&b, 0);
    size_t from = b.n;
    add_banner(&b, conf, r);
    ret->banner = since(&b, from);
    from = b.n;
    if (r->with_id) {
        add_eid(&b, conf, r);
    }
    ret->eid = since(&b, from);
    if (has_fault(r, LOAD_MISSING_FIELD) || has_fault(r, LOAD_BAD_ESCAPE)) {
        ret->player.n = 0;
    } else if (has_fault(r, LOAD_JUNK_ID)) {
        ret->player = PX_S("undefined");
    }
    px_assert(!b.failed && b.p == ret->bytes);
}

px_us load_event_time(const struct load_conf *conf, const struct load_request *r) {
    return r->stamped ? conf->midnight + r->midnight_ms * (px_us)PX_US_PER_MS : r->at;
}
