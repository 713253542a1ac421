/* Bytes through TLS on a real px_http server: any cut of records and segments, large bodies,
 * pipelines, clients that leave in the middle, and how an end is told from a truncation. What is
 * the same without TLS is tested by test_http_life, which runs by TLS, too. */
#include "proc.h"
#include "tls_server.h"
#include "unit.h"

#include <openssl/err.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(n)     "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " #n "\r\n\r\n"

/* --- any cut ------------------------------------------------------------------------------------
 */

/* A client whose records are handed to the socket by the test. */
struct slow {
    SSL *ssl;
    BIO *in, *out;
    int fd;
};

static void slow_open(struct slow *c, const struct tls_server *s) {
    static const struct tls_rig_offer any = {.min = 0};
    const int on = 1;
    c->fd = tls_rig_dial(s->g.port);
    assert_int_equal(setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    c->ssl = tls_rig_client(-1, &any);
    c->in = BIO_new(BIO_s_mem());
    c->out = BIO_new(BIO_s_mem());
    SSL_set_bio(c->ssl, c->in, c->out);
}

/* What the client has to say, ${step} bytes to a segment. */
static void slow_push(struct slow *c, size_t step) {
    char part[65536];
    int n;
    assert_true(step <= sizeof part);
    while ((n = BIO_read(c->out, part, (int)step)) > 0) {
        assert_int_equal(send(c->fd, part, (size_t)n, MSG_NOSIGNAL), n);
    }
}

static void slow_pull(struct slow *c) {
    char part[65536];
    ssize_t n = recv(c->fd, part, sizeof part, 0);
    assert_true(n > 0);
    assert_int_equal(BIO_write(c->in, part, (int)n), n);
}

static void slow_shake(struct slow *c, size_t step) {
    while (SSL_do_handshake(c->ssl) != 1) {
        slow_push(c, step);
        slow_pull(c);
    }
    slow_push(c, step);
}

static void slow_expect(struct slow *c, const char *text) {
    char got[2048] = "";
    int n;
    while ((n = SSL_read(c->ssl, got, sizeof got - 1)) <= 0) {
        slow_pull(c); /* gives up when nothing comes for 10 s */
    }
    got[n] = '\0';
    assert_non_null(strstr(got, text));
}

static void slow_close(struct slow *c) {
    SSL_free(c->ssl);
    close(c->fd);
}

static void test_bytes_one_at_a_time(void **state PX_UNUSED) {
    static const char request[] = GET("/query?slow");
    struct tls_server s = {.metrics = NULL};
    struct slow c;
    tls_server_start(&s, NULL);
    slow_open(&c, &s);
    slow_shake(&c, 1);
    for (size_t i = 0; i + 1 < sizeof request; i++) { /* a record for each byte */
        assert_int_equal(SSL_write(c.ssl, request + i, 1), 1);
        slow_push(&c, 1);
    }
    slow_expect(&c, "\r\n\r\nslow");
    slow_close(&c);
    tls_server_stop(&s);
    assert_int_equal(s.g.handled, 1);
}

/* The last word of the handshake and two requests in one segment: all of it is read at once, and
 * nothing more will ever be announced. */
static void test_bytes_request_behind_the_handshake(void **state PX_UNUSED) {
    struct tls_server s = {.metrics = NULL};
    struct slow c;
    tls_server_start(&s, NULL);
    slow_open(&c, &s);
    assert_true(SSL_do_handshake(c.ssl) <= 0);
    slow_push(&c, 4096);
    while (SSL_do_handshake(c.ssl) != 1) {
        slow_pull(&c);
    }
    assert_true(SSL_write(c.ssl, GET("/query?a"), sizeof GET("/query?a") - 1) > 0);
    assert_true(SSL_write(c.ssl, GET("/query?b"), sizeof GET("/query?b") - 1) > 0);
    slow_push(&c, 65536);
    slow_expect(&c, "\r\n\r\na");
    slow_expect(&c, "\r\n\r\nb");
    slow_close(&c);
    tls_server_stop(&s);
}

static void answer_deferred(struct rig *g) {
    rig_release(g);
}

/* The same while the first of two is worked on: the second one waits inside OpenSSL. */
static void test_bytes_record_behind_a_deferred_request(void **state PX_UNUSED) {
    struct tls_server s = {.metrics = NULL};
    struct slow c;
    tls_server_start(&s, NULL);
    slow_open(&c, &s);
    slow_shake(&c, 65536);
    assert_true(SSL_write(c.ssl, GET("/defer"), sizeof GET("/defer") - 1) > 0);
    assert_true(SSL_write(c.ssl, GET("/query?b"), sizeof GET("/query?b") - 1) > 0);
    slow_push(&c, 65536);
    rig_until(&s.g, rig_one_ticket, "the deferred request");
    rig_call(&s.g, answer_deferred);
    slow_expect(&c, "\r\n\r\nlate");
    slow_expect(&c, "\r\n\r\nb");
    slow_close(&c);
    tls_server_stop(&s);
}

/* Behind a request that is being worked on come more bytes than the buffer takes: what OpenSSL
 * holds by then must be looked at again without the socket's help. */
static void test_bytes_read_ahead_of_a_full_buffer(void **state PX_UNUSED) {
    struct tls_server s = {.metrics = NULL};
    struct tls_client c;
    char body[12000];
    memset(body, 'x', sizeof body);
    tls_server_start(&s, NULL);
    tls_client_open(&c, &s, NULL);
    tls_client_send(&c, PX_S(GET("/defer")));
    rig_until(&s.g, rig_one_ticket, "the deferred request");
    tls_client_send(&c, PX_S(POST(12000)));
    tls_client_send(&c, (struct px_str){.p = body, .n = sizeof body});
    tls_client_send(&c, PX_S(GET("/query?end")));
    rig_call(&s.g, answer_deferred);
    tls_client_expect(&c, 200, "late");
    tls_client_expect(&c, 200, NULL);
    tls_client_expect(&c, 200, "end");
    tls_client_close(&c);
    tls_server_stop(&s);
}

static void test_bytes_large_both_ways(void **state PX_UNUSED) {
    const size_t n = 262144;
    struct tls_server s = {.metrics = NULL};
    struct tls_client c;
    char *body = malloc(n + 1);
    assert_non_null(body);
    for (size_t i = 0; i < n; i++) {
        body[i] = (char)('a' + i % 23); /* no period of the records */
    }
    body[n] = '\0';
    tls_server_start(&s, NULL);
    tls_client_open(&c, &s, NULL);
    for (int i = 0; i < 3; i++) {
        tls_client_send(&c, PX_S(POST(262144)));
        tls_client_send(&c, (struct px_str){.p = body, .n = n});
        tls_client_expect(&c, 200, body);
    }
    tls_client_close(&c);
    tls_server_stop(&s);
    free(body);
}

/* A client of TLS 1.3 may change its keys and ask the server to change its own. */
static void test_bytes_after_a_key_update(void **state PX_UNUSED) {
    struct tls_server s = {.metrics = NULL};
    struct tls_client c;
    tls_server_start(&s, NULL);
    tls_client_open(&c, &s, NULL);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        tls_client_send(&c, PX_S(GET("/ok")));
        tls_client_expect(&c, 200, "ok");
    }
    tls_client_close(&c);
    tls_server_stop(&s);
}

/* --- ends ---------------------------------------------------------------------------------------
 */

static bool nobody(struct rig *g) {
    return px_http_connections(g->server) == 0;
}

static void test_bytes_truncation_is_no_request(void **state PX_UNUSED) {
    static const char *const parts[] = {
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nfive",
        "GET /ok HTTP/1.1\r\nHost: a\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
        "chunked\r\n\r\n5\r\nhello\r\n"};
    struct tls_server s = {.metrics = NULL};
    tls_server_start(&s, NULL);
    for (size_t i = 0; i < PX_ARRAY_LEN(parts); i++) {
        struct tls_client c;
        tls_client_open(&c, &s, NULL);
        tls_client_send(&c, px_str_c(parts[i]));
        tls_client_close(&c);
    }
    assert_int_equal(tls_server_failures(&s, PX_TLS_TRUNCATED, 3), 3);
    tls_server_stop(&s);
    assert_int_equal(s.g.handled, 0);
}

/* Browsers close without a word when nothing is under way: that is nobody's fault. */
static void test_bytes_silent_end_between_requests_is_no_fault(void **state PX_UNUSED) {
    struct tls_server s = {.metrics = NULL};
    tls_server_start(&s, NULL);
    for (int i = 0; i < 3; i++) {
        struct tls_client c;
        tls_client_open(&c, &s, NULL);
        if (i > 0) {
            tls_client_send(&c, PX_S(GET("/ok")));
            tls_client_expect(&c, 200, "ok");
        }
        if (i > 1) {
            assert_true(SSL_shutdown(c.ssl) >= 0);
        }
        tls_client_close(&c);
    }
    rig_until(&s.g, nobody, "all ends to be seen");
    assert_int_equal(tls_server_all_failures(&s), 0);
    tls_server_stop(&s);
}

static void test_bytes_forged_record_is_counted(void **state PX_UNUSED) {
    static const char forged[] = "\x17\x03\x03\x00\x14"
                                 "01234567890123456789";
    struct tls_server s = {.metrics = NULL};
    struct tls_client c;
    tls_server_start(&s, NULL);
    tls_client_open(&c, &s, NULL);
    tls_client_send(&c, PX_S("GET /ok HTTP/1.1\r\n"));
    assert_int_equal(send(c.fd, forged, sizeof forged - 1, MSG_NOSIGNAL), sizeof forged - 1);
    assert_int_equal(tls_server_failures(&s, PX_TLS_BROKEN, 1), 1);
    tls_client_close(&c);
    tls_server_stop(&s);
    assert_int_equal(s.g.handled, 0);
}

static void test_bytes_closing_is_said(void **state PX_UNUSED) {
    struct tls_server s = {.metrics = NULL};
    struct tls_client c;
    tls_server_start(&s, NULL);
    tls_client_open(&c, &s, NULL);
    tls_client_send(&c, PX_S(GET("/close")));
    tls_client_expect(&c, 200, "bye");
    tls_client_ended(&c);
    tls_client_close(&c);

    tls_client_open(&c, &s, NULL);
    tls_client_send(&c, PX_S("GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    tls_client_expect(&c, 200, "ok");
    tls_client_ended(&c);
    tls_client_close(&c);

    tls_client_open(&c, &s, NULL);
    tls_client_send(&c, PX_S("GET /ok HTTP/1.1\r\n\r\n"));
    tls_client_expect(&c, 400, NULL);
    tls_client_ended(&c);
    tls_client_close(&c);
    tls_server_stop(&s);
}

static void test_bytes_client_leaves_in_the_middle(void **state PX_UNUSED) {
    struct tls_server s = {.metrics = NULL};
    struct tls_client c;
    struct slow h;
    char part[1000];
    tls_server_start(&s, NULL);
    slow_open(&h, &s); /* of the handshake */
    assert_true(SSL_do_handshake(h.ssl) <= 0);
    slow_push(&h, 65536);
    slow_pull(&h);
    slow_close(&h);
    assert_int_equal(tls_server_failures(&s, PX_TLS_CLOSED, 1), 1);

    tls_client_open(&c, &s, NULL); /* of an answer */
    tls_client_send(&c, PX_S(GET("/big?20000000")));
    assert_true(SSL_read(c.ssl, part, sizeof part) > 0);
    tls_client_close(&c);

    tls_client_open(&c, &s, NULL); /* of the work on its request */
    tls_client_send(&c, PX_S(GET("/defer")));
    rig_until(&s.g, rig_one_ticket, "the deferred request");
    tls_client_close(&c);
    rig_until(&s.g, nobody, "all ends to be seen");
    rig_call(&s.g, answer_deferred);
    assert_int_equal(tls_server_all_failures(&s), 1);
    tls_server_stop(&s);
    assert_int_equal(s.g.gone, 1);
}

/* Draining begins in the middle of a handshake: the request behind it is a round trip away, and the
 * client has no other connection to send it on. */
static void test_bytes_handshake_is_carried_through_a_drain(void **state PX_UNUSED) {
    struct tls_server s = {.metrics = NULL};
    struct slow c;
    tls_server_start(&s, NULL);
    slow_open(&c, &s);
    assert_true(SSL_do_handshake(c.ssl) <= 0);
    slow_push(&c, 65536);
    slow_pull(&c);
    rig_call(&s.g, rig_drain);
    slow_shake(&c, 65536);
    for (long end = now_ms() + RIG_WAIT_MS; tls_server_handshakes(&s, true) == 0;) {
        assert_true(now_ms() < end);
        pause_ms(1);
    }
    assert_true(SSL_write(c.ssl, GET("/query?late"), sizeof GET("/query?late") - 1) > 0);
    slow_push(&c, 65536);
    slow_expect(&c, "\r\nConnection: close\r\n\r\nlate");
    slow_close(&c);
    tls_server_stop(&s);
}

/* A body that comes as quickly as it must, in a record that is not whole yet: none of it can be
 * read when its rate is looked at. */
static void test_bytes_of_a_record_that_is_not_whole_are_a_body(void **state PX_UNUSED) {
    struct px_http_limits lim = px_http_default_limits;
    struct tls_server s = {.metrics = NULL};
    struct tls_client silent;
    struct slow c;
    char body[1000], part[900];
    memset(body, 'b', sizeof body);
    lim.body_grace = 300 * PX_US_PER_MS;
    lim.body_rate = 300;
    tls_server_start(&s, &lim);
    slow_open(&c, &s);
    slow_shake(&c, 65536);
    tls_client_open(&silent, &s, NULL);
    assert_true(SSL_write(c.ssl, POST(1000), sizeof POST(1000) - 1) > 0);
    slow_push(&c, 65536);
    assert_int_equal(SSL_write(c.ssl, body, sizeof body), sizeof body);
    assert_int_equal(BIO_read(c.out, part, sizeof part), sizeof part);
    assert_int_equal(send(c.fd, part, sizeof part, MSG_NOSIGNAL), sizeof part);
    tls_client_send(&silent, PX_S(POST(1000) "1"));

    tls_client_expect(&silent, 408, NULL); /* by then the other one was looked at, too */
    slow_push(&c, 65536);
    slow_expect(&c, "HTTP/1.1 200 ");

    tls_client_close(&silent);
    slow_close(&c);
    tls_server_stop(&s);
}

/* What clients of HTTP alone must come back by TLS for; nothing of it without TLS. */
static void test_bytes_strict_transport_security(void **state PX_UNUSED) {
    struct tls_server s = {.conf = {.hsts = 365 * PX_US_PER_DAY}};
    struct tls_client c;
    char got[2048];
    tls_server_start(&s, NULL);
    tls_client_open(&c, &s, NULL);
    tls_client_send(&c, PX_S(GET("/ok")));
    int n = SSL_read(c.ssl, got, sizeof got - 1);
    assert_true(n > 0);
    got[n] = '\0';
    assert_non_null(strstr(got, "\r\nStrict-Transport-Security: max-age=31536000\r\n"));
    tls_client_close(&c);
    tls_server_stop(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_one_at_a_time),
        cmocka_unit_test(test_bytes_request_behind_the_handshake),
        cmocka_unit_test(test_bytes_record_behind_a_deferred_request),
        cmocka_unit_test(test_bytes_read_ahead_of_a_full_buffer),
        cmocka_unit_test(test_bytes_large_both_ways),
        cmocka_unit_test(test_bytes_after_a_key_update),
        cmocka_unit_test(test_bytes_truncation_is_no_request),
        cmocka_unit_test(test_bytes_silent_end_between_requests_is_no_fault),
        cmocka_unit_test(test_bytes_forged_record_is_counted),
        cmocka_unit_test(test_bytes_closing_is_said),
        cmocka_unit_test(test_bytes_client_leaves_in_the_middle),
        cmocka_unit_test(test_bytes_handshake_is_carried_through_a_drain),
        cmocka_unit_test(test_bytes_of_a_record_that_is_not_whole_are_a_body),
        cmocka_unit_test(test_bytes_strict_transport_security),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
