/* See tls_server.h. */
#include "tls_server.h"

#include "proc.h"
#include "unit.h"

#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
#include <px/metric_ids.h>
#include <px/metrics_tls.def>
#include <px/metric_end.h>
    TLS_METRICS
};
static const struct px_metric_def defs[] = {
#include <px/metric_rows.h>
#include <px/metrics_tls.def>
#include <px/metric_end.h>
};

void tls_server_start(struct tls_server *s, const struct px_http_limits *lim) {
    struct px_err err = PX_ERR_INIT;
    if (!s->conf.certificate) {
        int minimum = s->conf.minimum;
        px_us hsts = s->conf.hsts;
        tls_rig_cert(&(struct tls_rig_want){.name = "server"});
        s->conf = tls_rig_conf("server");
        s->conf.minimum = minimum;
        s->conf.hsts = hsts;
    }
    assert_int_equal(px_metrics_new(defs, TLS_METRICS, 1, &s->metrics, &err), PX_OK);
    s->g.tls = (struct px_tls_use){.shard = px_metrics_shard(s->metrics, 0)};
    if (px_tls_open(&s->conf, px_wall(&px_clock_system), &s->g.tls.tls, &err)) {
        fail_msg("%s", err.msg);
    }
    rig_start(&s->g, lim);
}

static bool nobody(struct rig *g) {
    return px_http_connections(g->server) == 0;
}

void tls_server_stop(struct tls_server *s) {
    rig_until(&s->g, nobody, "all connections to end");
    rig_stop(&s->g);
    px_tls_close(s->g.tls.tls);
    px_metrics_free(s->metrics);
}

int64_t tls_server_failures(struct tls_server *s, enum px_tls_fault why, int64_t want) {
    long end = now_ms() + RIG_WAIT_MS;
    int64_t n;
    while ((n = px_metrics_value(s->metrics, PX_M_TLS_FAILURES, (size_t)why, 0)) < want &&
           now_ms() < end) {
        pause_ms(1);
    }
    return n;
}

int64_t tls_server_all_failures(const struct tls_server *s) {
    int64_t n = 0;
    for (size_t i = 0; i < px_tls_labels_fault.n; i++) {
        n += px_metrics_value(s->metrics, PX_M_TLS_FAILURES, i, 0);
    }
    return n;
}

int64_t tls_server_handshakes(const struct tls_server *s, bool version_13) {
    return px_metrics_value(s->metrics, PX_M_TLS_HANDSHAKES, version_13, 0);
}

void tls_client_open(struct tls_client *c, const struct tls_server *s,
                     const struct tls_rig_offer *o) {
    static const struct tls_rig_offer any = {.min = 0};
    c->ssl = tls_rig_connect(s->g.port, o ? o : &any, &c->fd);
    if (!c->ssl) {
        fail_msg("no handshake: %s", ERR_reason_error_string(ERR_peek_error()));
    }
}

void tls_client_close(struct tls_client *c) {
    SSL_free(c->ssl);
    close(c->fd);
    *c = (struct tls_client){.fd = -1};
}

void tls_client_refused(const struct tls_server *s, const struct tls_rig_offer *o) {
    int fd;
    SSL *ssl = tls_rig_connect(s->g.port, o, &fd);
    assert_null(ssl);
    close(fd);
    ERR_clear_error();
}

void tls_client_send(struct tls_client *c, struct px_str bytes) {
    while (bytes.n) {
        int n = SSL_write(c->ssl, bytes.p, bytes.n < 65536 ? (int)bytes.n : 65536);
        assert_true(n > 0);
        bytes.p += n;
        bytes.n -= (size_t)n;
    }
}

/* A byte at a time, so that nothing behind the answer is taken. */
void tls_client_expect(struct tls_client *c, int status, const char *body) {
    char head[2048];
    size_t n = 0;
    while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0) {
        assert_true(n + 1 < sizeof head);
        if (SSL_read(c->ssl, head + n, 1) != 1) {
            fail_msg("wanted %d, but the connection ended", status);
        }
        n++;
    }
    head[n] = '\0';
    assert_int_equal(strtol(head + strlen("HTTP/1.1 "), NULL, 10), status);
    const char *field = strstr(head, "\r\nContent-Length: ");
    size_t length = field ? strtoul(field + strlen("\r\nContent-Length: "), NULL, 10) : 0;
    char *got = calloc(1, length + 1);
    assert_non_null(got);
    for (size_t at = 0; at < length;) {
        int k = SSL_read(c->ssl, got + at, (int)(length - at));
        assert_true(k > 0);
        at += (size_t)k;
    }
    if (body) {
        assert_string_equal(got, body);
    }
    free(got);
}

void tls_client_ended(struct tls_client *c) {
    char byte;
    int rc = SSL_read(c->ssl, &byte, 1);
    assert_int_equal(rc, 0);
    assert_int_equal(SSL_get_error(c->ssl, rc), SSL_ERROR_ZERO_RETURN);
}
