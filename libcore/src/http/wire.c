/* The bytes of a connection: as they are, or through TLS. The only file that moves bytes (recv,
 * send, shutdown). OpenSSL works on the socket through a BIO of ours, which asks the kernel once
 * for each time that the socket was announced readable: a request costs as many calls as without
 * TLS, and a peer that never stops sending cannot keep the loop. Must not know HTTP. */
#include "http_priv.h"
#include "tls_priv.h"

#include <openssl/err.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define GATHER 4096 /* replies up to this are copied together: one plain send is the cheapest */
#define DROP   (16 * 1024)
#define RECORD (16 * 1024)

/* --- OpenSSL's way to the socket ----------------------------------------------------------------
 */

static int bio_read(BIO *b, char *out, int n) {
    struct px_http_conn *c = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (!c->wire.may_read) {
        BIO_set_retry_read(b);
        return -1;
    }
    c->wire.may_read = false;
    ssize_t k = recv(c->fd, out, (size_t)n, 0);
    c->wire.ended = k == 0;
    c->wire.sealed += k > 0 ? (size_t)k : 0;
    if (k < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_read(b);
    }
    return (int)k;
}

static int bio_write(BIO *b, const char *p, int n) {
    const struct px_http_conn *c = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    ssize_t k = send(c->fd, p, (size_t)n, MSG_NOSIGNAL);
    if (k < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_write(b);
    }
    return (int)k;
}

static long bio_ctrl(BIO *b, int what, long n, void *p) {
    const struct px_http_conn *c = BIO_get_data(b);
    (void)n, (void)p;
    return what == BIO_CTRL_FLUSH || (what == BIO_CTRL_EOF && c->wire.ended);
}

BIO_METHOD *px_wire_method(void) {
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "px_wire");
    if (m && (BIO_meth_set_read(m, bio_read) != 1 || BIO_meth_set_write(m, bio_write) != 1 ||
              BIO_meth_set_ctrl(m, bio_ctrl) != 1)) {
        BIO_meth_free(m);
        m = NULL;
    }
    return m;
}

/* --- opening and closing ------------------------------------------------------------------------
 */

void px_wire_fault(struct px_http_conn *c, enum px_tls_fault why) {
    const struct px_tls_use *use = &c->server->conf.tls;
    c->wire.sound = false;
    px_count(use->shard, use->metrics + 1, (size_t)why, 0, 1);
}

bool px_wire_open(struct px_http_conn *c) {
    struct px_tls *tls = c->server->conf.tls.tls;
    c->wire = (struct px_wire){.ssl = NULL};
    if (!tls) {
        return true;
    }
    SSL *ssl = px_tls_session(tls);
    BIO *bio = ssl ? BIO_new(px_tls_bio(tls)) : NULL;
    if (!bio) {
        SSL_free(ssl);
        ERR_clear_error();
        px_wire_fault(c, PX_TLS_MEMORY);
        return false;
    }
    BIO_set_data(bio, c);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    c->wire.ssl = ssl;
    return true;
}

/* Once: asked again, OpenSSL would read on for the peer's own, which the wait for its end has cut
 * into. */
static void notify(struct px_http_conn *c) {
    SSL *ssl = c->wire.ssl;
    if (ssl && c->wire.sound && !(SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN)) {
        (void)SSL_shutdown(ssl);
        ERR_clear_error();
    }
}

void px_wire_end(struct px_http_conn *c) {
    notify(c);
    shutdown(c->fd, SHUT_WR);
}

void px_wire_reset(struct px_http_conn *c) {
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};
    PX_IGNORE(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard))); /* ends later then */
}

void px_wire_close(struct px_http_conn *c) {
    notify(c);
    SSL_free(c->wire.ssl);
    c->wire.ssl = NULL;
    close(c->fd);
}

/* --- as they are --------------------------------------------------------------------------------
 */

static ssize_t outcome(ssize_t n) {
    return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? PX_WIRE_LATER : PX_WIRE_BROKEN;
}

static size_t gather(const struct px_str *parts, size_t n, char all[GATHER]) {
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n) {
            memcpy(all + at, parts[i].p, parts[i].n);
            at += parts[i].n;
        }
    }
    return at;
}

static ssize_t send_plain(int fd, const struct px_str *parts, size_t n, size_t total) {
    PX_UNSET char all[GATHER];
    struct iovec iov[4];
    if (total <= sizeof(all)) {
        return outcome(send(fd, all, gather(parts, n, all), MSG_NOSIGNAL));
    }
    for (size_t i = 0; i < n; i++) {
        union {
            const char *in;
            void *out; /* sendmsg only reads */
        } base = {.in = parts[i].p};
        iov[i] = (struct iovec){.iov_base = base.out, .iov_len = parts[i].n};
    }
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};
    return outcome(sendmsg(fd, &msg, MSG_NOSIGNAL));
}

ssize_t px_wire_drop(struct px_http_conn *c) {
    PX_UNSET char waste[DROP];
    return outcome(recv(c->fd, waste, sizeof(waste), 0));
}

/* --- through TLS --------------------------------------------------------------------------------
 */

/* What OpenSSL says after a call that moved nothing. Its queue of errors belongs to the thread: an
 * old one would be taken for this one's. */
static ssize_t why_not(struct px_http_conn *c, int rc) {
    switch (SSL_get_error(c->wire.ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return PX_WIRE_LATER;
    case SSL_ERROR_ZERO_RETURN:
        return PX_WIRE_END;
    default:
        break;
    }
    c->wire.sound = false;
    return PX_WIRE_BROKEN;
}

/* Only what somebody did wrong is counted: a peer that just goes away is no fault of TLS. */
static void count_broken(struct px_http_conn *c) {
    unsigned long e = ERR_peek_error();
    bool unread = c->in.start < c->in.end && c->state == PX_CONN_HEAD;
    bool within = unread || c->state == PX_CONN_BODY || px_wire_partial(c);
    if (c->wire.ended && within) {
        px_wire_fault(c, PX_TLS_TRUNCATED);
    } else if (!c->wire.ended && e != 0) {
        px_wire_fault(c, px_tls_fault_of(e) == PX_TLS_ALERT ? PX_TLS_ALERT : PX_TLS_BROKEN);
    }
    ERR_clear_error();
}

static void forget_errors(void) {
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
}

static ssize_t recv_tls(struct px_http_conn *c, char *p, size_t n) {
    forget_errors();
    int rc = SSL_read(c->wire.ssl, p, n < RECORD ? (int)n : RECORD);
    if (rc > 0) {
        c->wire.more = SSL_has_pending(c->wire.ssl) == 1;
        size_t read = c->wire.more && c->wire.sealed > (size_t)rc ? (size_t)rc : c->wire.sealed;
        c->wire.sealed -= read;
        return rc;
    }
    c->wire.more = false;
    ssize_t why = why_not(c, rc);
    if (why == PX_WIRE_BROKEN) {
        count_broken(c);
    }
    return why;
}

/* Large replies go part by part: each is a record at least, so small ones are put together. */
static ssize_t send_tls(struct px_http_conn *c, const struct px_str *parts, size_t n,
                        size_t total) {
    PX_UNSET char all[GATHER];
    struct px_str one = parts[0];
    if (n > 1) {
        if (total > sizeof(all)) {
            return PX_WIRE_LATER; /* the caller keeps it as one part */
        }
        one = (struct px_str){.p = all, .n = gather(parts, n, all)};
    }
    forget_errors();
    int rc = SSL_write(c->wire.ssl, one.p, one.n < RECORD ? (int)one.n : RECORD);
    return rc > 0 ? rc : why_not(c, rc);
}

bool px_wire_partial(const struct px_http_conn *c) {
    return c->wire.ssl && SSL_has_pending(c->wire.ssl) == 1;
}

ssize_t px_wire_recv(struct px_http_conn *c, char *p, size_t n) {
    return c->wire.ssl ? recv_tls(c, p, n) : outcome(recv(c->fd, p, n, 0));
}

ssize_t px_wire_send(struct px_http_conn *c, const struct px_str *parts, size_t n, size_t total) {
    return c->wire.ssl ? send_tls(c, parts, n, total) : send_plain(c->fd, parts, n, total);
}

/* In clear: the peer understands nothing else. */
static void answer_in_clear(const struct px_http_conn *c) {
    static const char text[] = "HTTP/1.1 400 Bad Request\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Length: 36\r\n"
                               "X-Error-Code: tls_required\r\n"
                               "Connection: close\r\n\r\n"
                               "this port speaks TLS: use https://\r\n";
    PX_IGNORE(send(c->fd, text, sizeof(text) - 1, MSG_NOSIGNAL) < 0); /* it is closed anyway */
}

static void shake_failed(struct px_http_conn *c) {
    unsigned long e = ERR_peek_error();
    enum px_tls_fault why = e == 0 ? PX_TLS_CLOSED : px_tls_fault_of(e);
    if (why == PX_TLS_PLAIN_HTTP) {
        answer_in_clear(c);
    }
    px_wire_fault(c, why);
    ERR_clear_error();
}

struct px_shake px_wire_shake(struct px_http_conn *c) {
    const struct px_tls_use *use = &c->server->conf.tls;
    forget_errors();
    int rc = SSL_do_handshake(c->wire.ssl);
    if (rc == 1) {
        c->wire.sound = true;
        c->wire.sealed = 0;
        c->wire.more = SSL_has_pending(c->wire.ssl) == 1;
        px_count(use->shard, use->metrics, SSL_version(c->wire.ssl) == TLS1_3_VERSION, 0, 1);
        return (struct px_shake){.done = true};
    }
    if (why_not(c, rc) == PX_WIRE_LATER) {
        return (struct px_shake){.write = SSL_want_write(c->wire.ssl)};
    }
    shake_failed(c);
    return (struct px_shake){.failed = true};
}
