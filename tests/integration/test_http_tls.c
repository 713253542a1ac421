/* The handshake of a real px_http server by TLS: what is agreed on, what is refused and how that is
 * counted, deadlines, and certificates that change while it serves. */
#include "proc.h"
#include "tls_server.h"
#include "unit.h"

#include <openssl/err.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET(target) PX_S("GET " target " HTTP/1.1\r\nHost: a\r\n\r\n")

static const struct tls_rig_offer only_11 = {
    .min = TLS1_VERSION, .max = TLS1_1_VERSION, .ciphers = "ALL@SECLEVEL=0"};
static const struct tls_rig_offer only_12 = {.min = TLS1_2_VERSION, .max = TLS1_2_VERSION};
static const struct tls_rig_offer only_13 = {.min = TLS1_3_VERSION, .max = TLS1_3_VERSION};

static void serves(const struct tls_server *s, const struct tls_rig_offer *o, int version) {
    struct tls_client c;
    tls_client_open(&c, s, o);
    assert_int_equal(SSL_version(c.ssl), version);
    tls_client_send(&c, GET("/ok"));
    tls_client_expect(&c, 200, "ok");
    tls_client_close(&c);
}

static void test_tls_versions(void **state PX_UNUSED) {
    struct tls_server s = {.metrics = NULL};
    tls_server_start(&s, NULL);
    serves(&s, &only_12, TLS1_2_VERSION);
    serves(&s, &only_13, TLS1_3_VERSION);
    tls_client_refused(&s, &only_11);
    assert_int_equal(tls_server_failures(&s, PX_TLS_VERSION, 1), 1);
    assert_int_equal(tls_server_handshakes(&s, false), 1);
    assert_int_equal(tls_server_handshakes(&s, true), 1);
    tls_server_stop(&s);
    assert_int_equal(s.g.handled, 2);

    struct tls_server strict = {.conf = {.minimum = 1}};
    tls_server_start(&strict, NULL);
    tls_client_refused(&strict, &only_12);
    serves(&strict, &only_13, TLS1_3_VERSION);
    assert_int_equal(tls_server_failures(&strict, PX_TLS_VERSION, 1), 1);
    tls_server_stop(&strict);
}

static void test_tls_ciphers(void **state PX_UNUSED) {
    static const char *const good[] = {"ECDHE-ECDSA-AES128-GCM-SHA256",
                                       "ECDHE-ECDSA-AES256-GCM-SHA384",
                                       "ECDHE-ECDSA-CHACHA20-POLY1305"};
    static const char *const bad[] = {"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384",
                                      "ECDHE-ECDSA-AES128-CCM", "AES128-GCM-SHA256"};
    struct tls_server s = {.metrics = NULL};
    tls_server_start(&s, NULL);
    for (size_t i = 0; i < PX_ARRAY_LEN(good); i++) {
        struct tls_rig_offer o = only_12;
        o.ciphers = good[i];
        serves(&s, &o, TLS1_2_VERSION);
    }
    for (size_t i = 0; i < PX_ARRAY_LEN(bad); i++) {
        struct tls_rig_offer o = only_12;
        o.ciphers = bad[i];
        tls_client_refused(&s, &o);
    }
    assert_int_equal(tls_server_failures(&s, PX_TLS_CIPHER, PX_ARRAY_LEN(bad)), PX_ARRAY_LEN(bad));
    tls_server_stop(&s);
}

static void test_tls_alpn(void **state PX_UNUSED) {
    struct tls_server s = {.metrics = NULL};
    struct tls_rig_offer o = {.alpn = "\x02h2\x08http/1.1"};
    struct tls_client c;
    const uint8_t *chosen;
    unsigned n;
    tls_server_start(&s, NULL);
    tls_client_open(&c, &s, &o);
    SSL_get0_alpn_selected(c.ssl, &chosen, &n);
    assert_int_equal(n, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
    tls_client_close(&c);

    tls_client_open(&c, &s, NULL);
    SSL_get0_alpn_selected(c.ssl, &chosen, &n);
    assert_int_equal(n, 0);
    tls_client_close(&c);

    o.alpn = "\x02h2";
    tls_client_refused(&s, &o);
    assert_int_equal(tls_server_failures(&s, PX_TLS_ALPN, 1), 1);
    tls_server_stop(&s);
}

/* Neither a ticket nor an id that could be resumed, and no second handshake on a connection. */
static void test_tls_no_resumption_and_no_renegotiation(void **state PX_UNUSED) {
    const struct tls_rig_offer *const versions[] = {&only_12, &only_13};
    struct tls_server s = {.metrics = NULL};
    struct tls_client c;
    tls_server_start(&s, NULL);
    for (size_t i = 0; i < PX_ARRAY_LEN(versions); i++) {
        tls_client_open(&c, &s, versions[i]);
        tls_client_send(&c, GET("/ok"));
        tls_client_expect(&c, 200, "ok");
        assert_int_equal(SSL_SESSION_has_ticket(SSL_get0_session(c.ssl)), 0);
        assert_int_equal(SSL_SESSION_is_resumable(SSL_get0_session(c.ssl)), 0);
        tls_client_close(&c);
    }
    tls_client_open(&c, &s, &only_12);
    assert_int_equal(SSL_renegotiate(c.ssl), 1);
    assert_int_not_equal(SSL_do_handshake(c.ssl), 1);
    tls_client_close(&c);
    ERR_clear_error();
    tls_server_stop(&s);
    assert_int_equal(s.g.handled, 2);
}

static void test_tls_client_that_does_not_know_the_authority(void **state PX_UNUSED) {
    struct tls_server s = {.metrics = NULL};
    struct tls_rig_offer o = {.trust = "server"};
    tls_server_start(&s, NULL);
    serves(&s, &o, TLS1_3_VERSION); /* the name and the certificate are what they should be */
    tls_rig_cert(&(struct tls_rig_want){.name = "stranger"});
    o.trust = "stranger";
    tls_client_refused(&s, &o);
    assert_int_equal(tls_server_failures(&s, PX_TLS_ALERT, 1), 1);
    tls_server_stop(&s);
}

/* --- what is no TLS -----------------------------------------------------------------------------
 */

static void test_tls_plain_http_is_told_so(void **state PX_UNUSED) {
    static const char *const requests[] = {"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                                           "POST /api/events HTTP/1.1\r\nHost: a\r\n\r\n",
                                           "HEAD / HTTP/1.0\r\n\r\n"};
    struct tls_server s = {.metrics = NULL};
    tls_server_start(&s, NULL);
    for (size_t i = 0; i < PX_ARRAY_LEN(requests); i++) {
        struct raw c;
        raw_open(&c, s.g.port);
        raw_send(&c, px_str_c(requests[i]));
        raw_expect(&c, 400, "this port speaks TLS: use https://\r\n");
        raw_ended(&c);
        assert_true(c.eof);
        raw_close(&c);
    }
    assert_int_equal(tls_server_failures(&s, PX_TLS_PLAIN_HTTP, 3), 3);
    tls_server_stop(&s);
    assert_int_equal(s.g.handled + s.g.refused, 0);
}

static void test_tls_noise_is_closed(void **state PX_UNUSED) {
    static const char *const noise[] = {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
                                        "SSH-2.0-OpenSSH_9.2p1\r\n", "\x16\x03\x01\xff\xff\x01",
                                        "\x15\x03\x03\x01\x01"};
    struct tls_server s = {.metrics = NULL};
    tls_server_start(&s, NULL);
    for (size_t i = 0; i < PX_ARRAY_LEN(noise); i++) {
        struct raw c;
        raw_open(&c, s.g.port);
        raw_send(&c, px_str_c(noise[i]));
        raw_half_close(&c);
        while (!c.eof && !c.reset) {
            char byte[64];
            ssize_t n = recv(c.fd, byte, sizeof byte, 0);
            c.eof = n == 0;
            c.reset = n < 0;
        }
        raw_close(&c);
    }
    long end = now_ms() + RIG_WAIT_MS;
    while (tls_server_all_failures(&s) < (int64_t)PX_ARRAY_LEN(noise) && now_ms() < end) {
        pause_ms(1);
    }
    assert_int_equal(tls_server_all_failures(&s), PX_ARRAY_LEN(noise));
    serves(&s, &only_13, TLS1_3_VERSION);
    tls_server_stop(&s);
}

static void test_tls_hello_at_a_plain_port_is_refused_by_the_gate(void **state PX_UNUSED) {
    struct rig g = {.port = 0};
    const struct tls_rig_offer any = {.min = 0};
    struct raw c;
    int fd;
    char hello[2048];
    rig_start(&g, NULL);
    BIO *out = BIO_new(BIO_s_mem());
    SSL *ssl = tls_rig_client(-1, &any);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
    assert_true(SSL_do_handshake(ssl) <= 0);
    int n = BIO_read(out, hello, sizeof hello);
    assert_true(n > 100);
    raw_open(&c, g.port);
    raw_send(&c, (struct px_str){.p = hello, .n = (size_t)n});
    raw_expect(&c, 400, NULL);
    raw_ended(&c);
    raw_close(&c);
    SSL_free(ssl);
    assert_null(tls_rig_connect(g.port, &any, &fd)); /* a whole client meets the same */
    close(fd);
    ERR_clear_error();
    rig_stop(&g);
    assert_int_equal(g.refusals[PX_REFUSED_SYNTAX], 2);
    assert_int_equal(g.handled, 0);
}

/* --- deadlines ----------------------------------------------------------------------------------
 */

static bool one_connection(struct rig *g) {
    return px_http_connections(g->server) == 1;
}

static void test_tls_slow_handshake_is_cut(void **state PX_UNUSED) {
    static const char *const begins[] = {"", "\x16", "\x16\x03\x01\x01"};
    struct tls_server s = {.metrics = NULL};
    struct px_http_limits lim = px_http_default_limits;
    lim.header_deadline = 150 * PX_US_PER_MS;
    tls_server_start(&s, &lim);
    for (size_t i = 0; i < PX_ARRAY_LEN(begins); i++) {
        struct raw c;
        long from = now_ms();
        raw_open(&c, s.g.port);
        raw_send(&c, px_str_c(begins[i]));
        rig_until(&s.g, one_connection, "it counts while it shakes hands");
        raw_ended(&c);
        assert_in_range(now_ms() - from, 140, 3000);
        raw_close(&c);
    }
    assert_int_equal(tls_server_failures(&s, PX_TLS_TIMEOUT, 3), 3);
    tls_server_stop(&s);
}

/* A part of a record is the beginning of a request: it does not buy the time of an idle one. */
static void test_tls_slow_record_is_cut_like_a_slow_header(void **state PX_UNUSED) {
    struct tls_server s = {.metrics = NULL};
    struct px_http_limits lim = px_http_default_limits;
    struct tls_client c;
    lim.header_deadline = 150 * PX_US_PER_MS;
    tls_server_start(&s, &lim);
    tls_client_open(&c, &s, NULL);
    assert_int_equal(send(c.fd, "\x17\x03", 2, 0), 2);
    tls_client_expect(&c, 408, NULL);
    tls_client_ended(&c);
    tls_client_close(&c);
    tls_server_stop(&s);
    assert_int_equal(s.g.refusals[PX_REFUSED_TIMEOUT], 1);
}

static void test_tls_idle_connection_ends_with_close_notify(void **state PX_UNUSED) {
    struct tls_server s = {.metrics = NULL};
    struct px_http_limits lim = px_http_default_limits;
    struct tls_client c;
    lim.idle_deadline = 100 * PX_US_PER_MS;
    tls_server_start(&s, &lim);
    tls_client_open(&c, &s, NULL);
    tls_client_ended(&c);
    tls_client_close(&c);
    tls_server_stop(&s);
}

/* Who connects and says nothing cannot take the memory of handshakes: the oldest give way. */
static void test_tls_crowd_of_handshakes_is_bounded(void **state PX_UNUSED) {
    enum {
        MOST = 20,
        MORE = 5
    };
    int fd[MOST + MORE];
    struct tls_server s = {.metrics = NULL};
    struct px_http_limits lim = px_http_default_limits;
    char byte;
    lim.handshakes = MOST;
    tls_server_start(&s, &lim);
    for (size_t i = 0; i < MOST + MORE; i++) {
        fd[i] = tls_rig_dial(s.g.port);
        assert_true(fd[i] >= 0);
    }
    assert_int_equal(tls_server_failures(&s, PX_TLS_CROWDED, MORE), MORE);
    for (size_t i = 0; i < MORE; i++) {
        assert_int_equal(recv(fd[i], &byte, 1, 0), 0);
    }
    serves(&s, &only_13, TLS1_3_VERSION);
    assert_int_equal(tls_server_failures(&s, PX_TLS_CROWDED, MORE + 1), MORE + 1);
    for (size_t i = 0; i < MOST + MORE; i++) {
        close(fd[i]);
    }
    tls_server_stop(&s);
}

/* --- another certificate ------------------------------------------------------------------------
 */

static void shows(const struct tls_server *s, const char *cn) {
    struct tls_client c;
    char got[64];
    tls_client_open(&c, s, NULL);
    assert_string_equal(tls_rig_subject(c.ssl, got, sizeof got), cn);
    tls_client_close(&c);
}

static void test_tls_renewal(void **state PX_UNUSED) {
    struct tls_server s = {.metrics = NULL};
    struct tls_client old;
    px_us now = px_wall(&px_clock_system);
    tls_server_start(&s, NULL);
    tls_client_open(&old, &s, NULL);
    px_us before = px_tls_not_after(s.g.tls.tls);

    tls_rig_cert(&(struct tls_rig_want){.name = "server", .cn = "second", .days = 50});
    shows(&s, "localhost"); /* nothing is read by itself */
    px_tls_renew(s.g.tls.tls, now);
    shows(&s, "second");
    assert_true(px_tls_not_after(s.g.tls.tls) < before);
    tls_client_send(&old, GET("/ok")); /* who was there goes on */
    tls_client_expect(&old, 200, "ok");

    tls_rig_cert(&(struct tls_rig_want){.name = "server", .cn = "expired", .days = -1});
    px_tls_renew(s.g.tls.tls, now);
    shows(&s, "second");
    assert_int_equal(unlink(tls_rig_path("server", "key")), 0);
    px_tls_renew(s.g.tls.tls, now);
    shows(&s, "second");
    tls_client_close(&old);
    tls_server_stop(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_versions),
        cmocka_unit_test(test_tls_ciphers),
        cmocka_unit_test(test_tls_alpn),
        cmocka_unit_test(test_tls_no_resumption_and_no_renegotiation),
        cmocka_unit_test(test_tls_client_that_does_not_know_the_authority),
        cmocka_unit_test(test_tls_plain_http_is_told_so),
        cmocka_unit_test(test_tls_noise_is_closed),
        cmocka_unit_test(test_tls_hello_at_a_plain_port_is_refused_by_the_gate),
        cmocka_unit_test(test_tls_slow_handshake_is_cut),
        cmocka_unit_test(test_tls_crowd_of_handshakes_is_bounded),
        cmocka_unit_test(test_tls_slow_record_is_cut_like_a_slow_header),
        cmocka_unit_test(test_tls_idle_connection_ends_with_close_notify),
        cmocka_unit_test(test_tls_renewal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
