/* See http_rig.h. */
#include "http_rig.h"
#include "proc.h"
#include "tls_rig.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <poll.h>
#include <px/mem.h>
#include <px/num.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void reply(struct px_http_req *r, int status, struct px_str body) {
    px_http_reply(r, &(struct px_http_reply){.status = status, .type = "text/plain", .body = body});
}

static void reply_big(struct px_http_req *r) {
    int64_t n = 0;
    assert_true(px_parse_i64(px_req_query(r), 0, 64 << 20, &n));
    char *p = px_alloc((size_t)n);
    assert_non_null(p);
    memset(p, 'x', (size_t)n);
    reply(r, 200, (struct px_str){.p = p, .n = (size_t)n});
    px_free(p);
}

static void on_request(void *arg, struct px_http_req *r) {
    struct rig *g = arg;
    struct px_str path = px_req_path(r);
    g->handled++;
    if (px_str_is(path, "/ok")) {
        reply(r, 200, PX_S("ok"));
    } else if (px_str_is(path, "/echo")) {
        reply(r, 200, px_req_body(r));
    } else if (px_str_is(path, "/query")) {
        reply(r, 200, px_req_query(r));
    } else if (px_str_is(path, "/peer")) {
        reply(r, 200, px_req_peer(r));
    } else if (px_str_is(path, "/big")) {
        reply_big(r);
    } else if (px_str_is(path, "/slow")) {
        for (long long end = now_ms() + g->slow_ms; now_ms() < end;) {
        }
        reply(r, 200, PX_S("slow"));
    } else if (px_str_is(path, "/none")) {
        reply(r, 204, PX_S(""));
    } else if (px_str_is(path, "/close")) {
        px_http_reply(r,
                      &(struct px_http_reply){.status = 200, .body = PX_S("bye"), .close = true});
    } else if (px_str_is(path, "/defer")) {
        assert_true(g->ntickets < RIG_TICKETS);
        g->before_defer = g->handled;
        g->tickets[g->ntickets++] = px_http_defer(r);
    } else {
        reply(r, 404, PX_S("none"));
    }
}

static void on_refused(void *arg, enum px_http_refusal why, struct px_http_req *r) {
    struct rig *g = arg;
    g->refused++;
    g->refusals[why]++;
    if (g->gif_on_refusal && px_req_method(r) == PX_GET && px_req_accepts(r, "image/")) {
        px_http_reply(r, &(struct px_http_reply){.status = px_http_refusal_status(why),
                                                 .type = "image/gif",
                                                 .body = PX_S("GIF")});
    }
}

static void *serve(void *arg) {
    struct rig *g = arg;
    px_loop_run(g->loop);
    return NULL;
}

static bool over_tls;
static struct px_tls *rig_certificate;

/* One certificate for the whole program; it goes with it. */
void rig_tls(bool on) {
    static struct px_tls_conf conf;
    struct px_err err = PX_ERR_INIT;
    over_tls = on;
    if (on && !rig_certificate) {
        tls_rig_cert(&(struct tls_rig_want){.name = "rig"});
        conf = tls_rig_conf("rig");
        assert_int_equal(px_tls_open(&conf, px_wall(&px_clock_system), &rig_certificate, &err),
                         PX_OK);
    } else if (!on) {
        px_tls_close(rig_certificate);
        rig_certificate = NULL;
    }
}

void rig_start(struct rig *g, const struct px_http_limits *lim) {
    struct px_err err = PX_ERR_INIT;
    g->tls.tls = g->tls.tls ? g->tls.tls : rig_certificate;
    struct px_http_conf conf = {.address = g->address ? g->address : "127.0.0.1",
                                .port = (uint16_t)g->port,
                                .reuse_port = g->reuse_port,
                                .server = "rig",
                                .tls = g->tls,
                                .handler = on_request,
                                .refused = on_refused,
                                .arg = g};
    conf.limits = lim ? *lim : px_http_default_limits;
    assert_int_equal(px_loop_new(&g->loop, &err), PX_OK);
    assert_int_equal(px_http_open(g->loop, &conf, &g->server, &err), PX_OK);
    g->port = px_http_port(g->server);
    assert_int_equal(pthread_create(&g->thread, NULL, serve, g), 0);
}

void rig_stop(struct rig *g) {
    struct px_http_pressure p;
    rig_stop_pressure(g, &p);
}

void rig_stop_pressure(struct rig *g, struct px_http_pressure *ret) {
    px_loop_stop(g->loop);
    assert_int_equal(pthread_join(g->thread, NULL), 0);
    px_http_get(g->server, ret);
    px_http_close(g->server);
    px_loop_free(g->loop);
}

struct errand {
    struct rig *g;
    void (*fn)(struct rig *g);
    sem_t done;
};

static void run_errand(void *arg) {
    struct errand *e = arg;
    e->fn(e->g);
    sem_post(&e->done);
}

void rig_call(struct rig *g, void (*fn)(struct rig *g)) {
    struct errand e = {.g = g, .fn = fn};
    assert_int_equal(sem_init(&e.done, 0, 0), 0);
    assert_int_equal(px_loop_post(g->loop, PX_CALL(run_errand, &e)), PX_OK);
    while (sem_wait(&e.done) != 0) {
        assert_int_equal(errno, EINTR);
    }
    sem_destroy(&e.done);
}

struct question {
    struct rig *g;
    bool (*fn)(struct rig *g);
    bool yes;
    sem_t done;
};

static void run_question(void *arg) {
    struct question *q = arg;
    q->yes = q->fn(q->g);
    sem_post(&q->done);
}

bool rig_one_ticket(struct rig *g) {
    return g->ntickets == 1;
}

bool rig_one_pending(struct rig *g) {
    return px_http_pending(g->server) == 1;
}

bool rig_no_connections(struct rig *g) {
    return px_http_connections(g->server) == 0;
}

/* Each round passes through the server's loop, so the waiting thread cannot spin ahead of it. */
void rig_until(struct rig *g, bool (*fn)(struct rig *g), const char *what) {
    long long end = now_ms() + RIG_WAIT_MS;
    struct question q = {.g = g, .fn = fn};
    assert_int_equal(sem_init(&q.done, 0, 0), 0);
    while (!q.yes) {
        if (now_ms() > end) {
            fail_msg("waited in vain: %s", what);
        }
        assert_int_equal(px_loop_post(g->loop, PX_CALL(run_question, &q)), PX_OK);
        while (sem_wait(&q.done) != 0) {
            assert_int_equal(errno, EINTR);
        }
    }
    sem_destroy(&q.done);
}

void rig_release(struct rig *g) {
    const struct px_http_reply late = {.status = 200, .body = PX_S("late")};
    size_t n = g->ntickets;
    g->ntickets = 0;
    for (size_t i = 0; i < n; i++) {
        if (px_http_answer(g->server, g->tickets[i], &late)) {
            g->answered++;
        } else {
            g->gone++;
        }
    }
}

void rig_drain(struct rig *g) {
    px_http_drain(g->server);
}

void raw_open(struct raw *c, int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *c = (struct raw){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(c->fd >= 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    if (over_tls) {
        const struct tls_rig_offer any = {.min = 0};
        c->ssl = tls_rig_client(c->fd, &any);
        SSL_set_mode(c->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        assert_int_equal(SSL_do_handshake(c->ssl), 1);
        assert_int_equal(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
    }
}

void raw_half_close(struct raw *c) {
    if (c->ssl) {
        assert_true(SSL_shutdown(c->ssl) >= 0);
    } else {
        assert_int_equal(shutdown(c->fd, SHUT_WR), 0);
    }
}

/* As send and recv, with errno; EAGAIN: not now. */
static ssize_t tls_result(struct raw *c, int rc) {
    int why = SSL_get_error(c->ssl, rc);
    if (rc > 0 || why == SSL_ERROR_ZERO_RETURN) {
        return rc > 0 ? rc : 0;
    }
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    ERR_clear_error();
    return -1;
}

static ssize_t send_some(struct raw *c, const char *p, size_t n) {
    return c->ssl ? tls_result(c, SSL_write(c->ssl, p, n < 65536 ? (int)n : 65536))
                  : send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t recv_some(struct raw *c, char *p, size_t n) {
    return c->ssl ? tls_result(c, SSL_read(c->ssl, p, n < 65536 ? (int)n : 65536))
                  : recv(c->fd, p, n, 0);
}

void raw_close(struct raw *c) {
    SSL_free(c->ssl);
    close(c->fd);
    px_free(c->buf);
    *c = (struct raw){.fd = -1};
}

/* Reads when it cannot write, so that both sides never wait for each other. */
static void receive(struct raw *c, int timeout_ms);

void raw_send(struct raw *c, struct px_str bytes) {
    while (bytes.n && !c->reset) {
        ssize_t n = send_some(c, bytes.p, bytes.n);
        if (n > 0) {
            bytes.p += n;
            bytes.n -= (size_t)n;
        } else if (errno == EAGAIN) {
            struct pollfd p = {.fd = c->fd, .events = (short)(POLLOUT | (c->eof ? 0 : POLLIN))};
            assert_true(poll(&p, 1, RIG_WAIT_MS) > 0);
            if (p.revents & POLLIN) {
                receive(c, 0);
            }
        } else {
            bool reset = errno != EPIPE;
            while (reset && !c->eof && !c->reset) {
                receive(c, 0); /* answers that came before the reset can still be read */
            }
            c->reset = reset || c->reset;
            return;
        }
    }
}

static void receive(struct raw *c, int timeout_ms) {
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    int rc = c->ssl && SSL_pending(c->ssl) ? 1 : poll(&p, 1, timeout_ms);
    if (rc == 0 && timeout_ms) {
        fail_msg("no bytes and no end within %d ms; received so far: %.*s", timeout_ms, (int)c->n,
                 c->buf ? c->buf : "");
    }
    if (c->cap - c->n < 65536) {
        c->cap = c->cap * 2 + 131072;
        c->buf = px_realloc(c->buf, c->cap);
        assert_non_null(c->buf);
    }
    ssize_t n = recv_some(c, c->buf + c->n, c->cap - c->n - 1);
    if (n < 0 && c->ssl && errno == EAGAIN) {
        return;
    }
    if (n > 0) {
        c->n += (size_t)n;
        c->buf[c->n] = '\0';
    }
    c->eof = n == 0;
    c->reset = n < 0;
}

static void take(struct raw *c, size_t n) {
    memmove(c->buf, c->buf + n, c->n - n);
    c->n -= n;
    c->buf[c->n] = '\0';
}

static size_t content_length(const char *head) {
    int64_t v = 0;
    const char *f = strstr(head, "\r\nContent-Length: ");
    if (!f) {
        return 0;
    }
    f += strlen("\r\nContent-Length: ");
    struct px_str digits = {.p = f, .n = strcspn(f, "\r")};
    assert_true(px_parse_i64(digits, 0, INT64_MAX, &v));
    return (size_t)v;
}

/* One answer, final or not, when it is complete in the buffer. */
static bool take_answer(struct raw *c, bool head, struct raw_answer *ret) {
    char *end = c->n ? memmem(c->buf, c->n, "\r\n\r\n", 4) : NULL;
    if (!end) {
        return false;
    }
    size_t nhead = (size_t)(end - c->buf) + 4;
    assert_true(nhead < sizeof(ret->head));
    assert_memory_equal(c->buf, "HTTP/1.1 ", 9);
    struct raw_answer a = {0};
    memcpy(a.head, c->buf, nhead);
    int64_t status = 0;
    assert_true(px_parse_i64((struct px_str){.p = a.head + 9, .n = 3}, 100, 599, &status));
    a.status = (int)status;
    a.length = content_length(a.head);
    size_t nbody = head ? 0 : a.length;
    if (c->n < nhead + nbody) {
        return false;
    }
    memcpy(a.body, c->buf + nhead, nbody < RIG_BODY_MAX ? nbody : RIG_BODY_MAX - 1);
    take(c, nhead + nbody);
    *ret = a;
    return true;
}

bool raw_next(struct raw *c, bool head, struct raw_answer *ret, int *continues) {
    while (true) {
        if (take_answer(c, head, ret)) {
            if (ret->status != 100) {
                return true;
            }
            if (continues) {
                ++*continues;
            }
            continue;
        }
        if (c->eof || c->reset) {
            return false;
        }
        receive(c, RIG_WAIT_MS);
    }
}

void raw_expect(struct raw *c, int status, const char *body) {
    struct raw_answer a;
    if (!raw_next(c, false, &a, NULL)) {
        fail_msg("wanted %d %s, but the connection ended", status, body ? body : "");
    }
    assert_int_equal(a.status, status);
    if (body) {
        assert_string_equal(a.body, body);
    }
}

void raw_ended(struct raw *c) {
    while (!c->eof && !c->reset) {
        receive(c, RIG_WAIT_MS);
    }
    if (c->n) {
        fail_msg("unexpected bytes before the end: %.*s", (int)c->n, c->buf);
    }
}
