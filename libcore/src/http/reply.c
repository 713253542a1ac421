/* Replies: status line, the server's own fields, the program's fields and body in one send; tickets
 * for replies that come later; the default answer to a refused request. */
#include "http_priv.h"
#include "tls_priv.h"

#include <px/num.h>

#include <stdio.h>
#include <string.h>

#define HEAD_MAX 640
#define TYPE_MAX 128

static const struct {
    const char *code, *text;
    int status;
} refusals[] = {
#define PX_REFUSAL(name, text, status, doc) {text, doc, status},
#include <px/refusal.def>
#undef PX_REFUSAL
};

const char *px_http_refusal_code(enum px_http_refusal why) {
    return refusals[why].code;
}

int px_http_refusal_status(enum px_http_refusal why) {
    return refusals[why].status;
}

bool px_http_refusal_retryable(enum px_http_refusal why) {
    return why == PX_REFUSED_TIMEOUT || why == PX_REFUSED_OVERLOADED;
}

const char *px_http_refusal_text(enum px_http_refusal why) {
    return refusals[why].text;
}

/* RFC 6797: browsers come back by TLS alone. Nothing on answers in clear. */
static void add_hsts(struct px_http_server *s) {
    px_us age = px_tls_hsts(s->conf.tls.tls);
    if (age > 0) {
        int n =
            snprintf(s->common + s->ncommon, sizeof(s->common) - s->ncommon,
                     "Strict-Transport-Security: max-age=%lld\r\n", (long long)(age / PX_US_PER_S));
        px_assert(n > 0 && (size_t)n < sizeof(s->common) - s->ncommon);
        s->ncommon += (size_t)n;
    }
}

/* RFC 9110 §5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT", made once per second. */
static void refresh_common(struct px_http_server *s) {
    static const char days[7][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    px_us now = px_loop_now(s->loop);
    if (now / PX_US_PER_S == s->date_second) {
        return;
    }
    s->date_second = now / PX_US_PER_S;
    struct px_civil t = px_civil_of(now);
    const char *name = s->conf.server;
    int n = snprintf(
        s->common, sizeof(s->common), "%s%.64s%sDate: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
        name ? "Server: " : "", name ? name : "", name ? "\r\n" : "", days[px_day_of(now) % 7],
        t.day, months[t.month - 1], t.year, t.hour, t.minute, t.second);
    px_assert(n > 0 && (size_t)n < sizeof(s->common));
    s->ncommon = (size_t)n;
    add_hsts(s);
}

static char *put(char *at, const char *p, size_t n) {
    memcpy(at, p, n);
    return at + n;
}
#define PUT(at, lit) put((at), (lit), sizeof(lit) - 1)

static char *put_number(char *at, size_t v) {
    char digits[20];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    while (n) {
        *at++ = digits[--n];
    }
    return at;
}

static char *put_status(char *at, int status) {
    const char *text = px_http_status_text(status);
    at = PUT(at, "HTTP/1.1 ");
    at = put_number(at, (size_t)status);
    *at++ = ' ';
    at = put(at, text, strlen(text));
    return PUT(at, "\r\n");
}

/* RFC 9110 §8.6: a 204 carries no length; a 304 need not. */
static bool has_content(int status) {
    return status != 204 && status != 304;
}

static size_t build_head(struct px_http_conn *c, const struct px_http_reply *reply,
                         char head[HEAD_MAX]) {
    struct px_http_server *s = c->server;
    refresh_common(s);
    char *at = put_status(head, reply->status);
    at = put(at, s->common, s->ncommon);
    if (reply->type) {
        size_t n = strlen(reply->type);
        px_assert(n <= TYPE_MAX);
        at = PUT(at, "Content-Type: ");
        at = put(at, reply->type, n);
        at = PUT(at, "\r\n");
    }
    if (has_content(reply->status)) {
        at = PUT(at, "Content-Length: ");
        at = put_number(at, reply->body.n);
        at = PUT(at, "\r\n");
    }
    if (c->close_after) {
        at = PUT(at, "Connection: close\r\n");
    } else if (c->work->req.http10) {
        at = PUT(at, "Connection: keep-alive\r\n");
    }
    return (size_t)(at - head);
}

/* The peer's own wish to close needs no lingering unless it sent more than it was answered. */
static void decide_close(struct px_http_conn *c, const struct px_http_reply *reply) {
    const struct px_http_req *r = &c->work->req;
    bool peer = r->says_close || (r->http10 && !r->says_keep);
    bool refused = c->state == PX_CONN_REFUSING && !c->keeps;
    bool ours = reply->close || c->server->draining || c->server->crowded || refused;
    c->close_after = peer || ours;
    c->linger_after = c->close_after && (ours || c->in.end - c->in.start > c->used);
}

void px_reply_send(struct px_http_conn *c, const struct px_http_reply *reply) {
    PX_UNSET char head[HEAD_MAX];
    px_assert(c->state == PX_CONN_HANDLING || c->state == PX_CONN_REFUSING);
    px_assert(reply->status >= 200 && reply->status <= 599);
    decide_close(c, reply);
    bool bare = c->work->req.method == PX_HEAD || !has_content(reply->status);
    const struct px_str parts[] = {
        {.p = head, .n = build_head(c, reply, head)},
        reply->fields,
        PX_S("\r\n"),
        bare ? (struct px_str){.p = NULL, .n = 0} : reply->body,
    };
    c->generation++; /* tickets of this request are spent */
    px_conn_send(c, parts, PX_ARRAY_LEN(parts));
}

void px_http_reply(struct px_http_req *r, const struct px_http_reply *reply) {
    px_reply_send(r->conn, reply);
}

void px_reply_refusal(struct px_http_conn *c, enum px_http_refusal why) {
    PX_DEFER(px_buf_fini) struct px_buf body = PX_BUF_INIT(4096);
    char field[96];
    const struct px_problem problem = {
        .status = refusals[why].status,
        .code = refusals[why].code,
        .title = px_http_status_text(refusals[why].status),
        .detail = px_str_c(refusals[why].text),
        .retryable = px_http_refusal_retryable(why),
    };
    px_problem_write(&problem, &body);
    bool written = px_buf_ok(&body, NULL) == PX_OK; /* without memory: the status alone */
    int n = snprintf(field, sizeof(field), "X-Error-Code: %s\r\n%s", refusals[why].code,
                     why == PX_REFUSED_OVERLOADED ? "Retry-After: 1\r\n" : "");
    const struct px_http_reply reply = {
        .status = refusals[why].status,
        .type = "application/problem+json",
        .fields = {.p = field, .n = (size_t)n},
        .body = written ? px_buf_view(&body) : (struct px_str){.p = NULL, .n = 0},
        .close = !c->keeps,
    };
    px_reply_send(c, &reply);
}

struct px_http_ticket px_http_defer(struct px_http_req *r) {
    struct px_http_conn *c = r->conn;
    px_assert(c->state == PX_CONN_HANDLING && !c->deferred);
    c->deferred = true;
    return (struct px_http_ticket){.slot = c->slot, .generation = c->generation};
}

static struct px_http_conn *conn_of(const struct px_http_server *s, struct px_http_ticket t) {
    struct px_http_conn *c = t.slot < s->nslots ? s->slots[t.slot] : NULL;
    return c && c->state == PX_CONN_HANDLING && c->generation == t.generation ? c : NULL;
}

const struct px_http_req *px_http_waiting(const struct px_http_server *s, struct px_http_ticket t) {
    const struct px_http_conn *c = conn_of(s, t);
    return c ? &c->work->req : NULL;
}

bool px_http_answer(struct px_http_server *s, struct px_http_ticket t,
                    const struct px_http_reply *reply) {
    struct px_http_conn *c = conn_of(s, t);
    if (c) {
        px_reply_send(c, reply);
    }
    return c != NULL;
}
