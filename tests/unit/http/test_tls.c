/* Certificates and keys of the HTTP server before anything is served: what is refused and in what
 * words, what the probe says and warns of, and what a certificate tells about itself. */
#include "tls_rig.h"
#include "torture.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static px_us now(void) {
    return px_wall(&px_clock_system);
}

static void refuse(const struct px_tls_conf *c, const char *text) {
    struct px_err err = PX_ERR_INIT;
    struct px_probe_out out = {.skip = false};
    struct px_tls *t = NULL;
    assert_int_equal(px_tls_open(c, now(), &t, &err), PX_CONFIG);
    assert_null(t);
    if (!strstr(err.msg, text)) {
        fail_msg("\"%s\" does not hold \"%s\"", err.msg, text);
    }
    struct px_err again = PX_ERR_INIT;
    assert_int_equal(px_tls_probe(c, now(), &out, &again), PX_CONFIG);
    assert_string_equal(again.msg, err.msg);
}

static int make_files(void **state PX_UNUSED) {
    const struct tls_rig_want all[] = {
        {.name = "good"},
        {.name = "other"},
        {.name = "expired", .days = -1},
        {.name = "early", .begins = 2},
        {.name = "soon", .days = 3},
        {.name = "weak", .rsa_bits = 1024},
        {.name = "locked", .password = "sesame"},
        {.name = "bare", .cn = "only.the.subject", .names = ""},
        {.name = "many", .names = "DNS:a.test,DNS:*.b.test,IP:192.0.2.1,IP:2001:db8::1,email:x@y"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(all); i++) {
        tls_rig_cert(&all[i]);
    }
    return 0;
}

static void test_tls_options_agree(void **state PX_UNUSED) {
    struct px_tls *t = NULL;
    struct px_tls_conf c = {.certificate = "", .key = ""};
    assert_int_equal(px_tls_open(&c, now(), &t, NULL), PX_OK);
    assert_null(t);
    assert_int_equal(px_tls_not_after(t), 0);
    px_tls_renew(t, now()); /* nothing to renew */

    c.admin = true;
    refuse(&c, "Admin:Tls is set: Http:TlsCertificate and Http:TlsKey are missing");
    c.admin = false;
    c.key = "x";
    refuse(&c, "Http:TlsKey is set: Http:TlsCertificate is missing");
    c = (struct px_tls_conf){.certificate = "x", .key = ""};
    refuse(&c, "Http:TlsCertificate is set: Http:TlsKey is missing");
}

static void put(const char *path, const char *text, const char *mode) {
    FILE *f = fopen(path, mode);
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void test_tls_files_are_refused(void **state PX_UNUSED) {
    struct px_tls_conf c = tls_rig_conf("good");
    c.certificate = "/nonexistent/cert.pem";
    refuse(&c, "Http:TlsCertificate: /nonexistent/cert.pem: No such file or directory");
    c.certificate = "/tmp";
    refuse(&c, "is no file of at most 1 MiB");
    c = tls_rig_conf("good");
    c.key = tls_rig_path("other", "key");
    refuse(&c, "is not the key of this certificate");
    c.key = c.certificate;
    refuse(&c, "holds no private key (PEM)");
    c = tls_rig_conf("locked");
    refuse(&c, "is encrypted: its password is missing or wrong: store it without a password");
    c = tls_rig_conf("expired");
    refuse(&c, "the certificate CN=localhost expired at 20");
    c = tls_rig_conf("early");
    refuse(&c, "is not valid before 20");
    c = tls_rig_conf("weak");
    refuse(&c, "ee key too small");

    put(tls_rig_path("torn", "pem"), "no certificate\n", "we");
    c = tls_rig_conf("good");
    c.certificate = tls_rig_path("torn", "pem");
    refuse(&c, "holds no certificate (-----BEGIN CERTIFICATE-----)");
}

/* A chain that breaks off behind the first certificate would be shown without its authorities. */
static void test_tls_torn_chain_is_refused(void **state PX_UNUSED) {
    struct px_tls_conf c = tls_rig_conf("chain");
    tls_rig_cert(&(struct tls_rig_want){.name = "chain"});
    put(c.certificate, "-----BEGIN CERTIFICATE-----\nMIIB\n", "ae");
    refuse(&c, "Http:TlsCertificate: ");
}

/* Sealed with a password, which is odd but possible: nobody at the terminal, nor on the standard
 * input where there is none, is asked for it. */
static void test_tls_asks_nobody_for_a_password(void **state PX_UNUSED) {
    static const char line[] = "secret\n", head[] = "-----BEGIN CERTIFICATE-----\n",
                      seal[] = "Proc-Type: 4,ENCRYPTED\n"
                               "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n";
    char text[8192], rest[sizeof line];
    int input[2], status = -1;
    FILE *f = fopen(tls_rig_path("good", "pem"), "re");
    assert_non_null(f);
    size_t n = (size_t)snprintf(text, sizeof text, "%s%s", head, seal);
    assert_int_equal(fseek(f, sizeof head - 1, SEEK_SET), 0);
    n += fread(text + n, 1, sizeof text - n, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(pipe(input), 0);
    assert_int_equal(write(input[1], line, sizeof line - 1), sizeof line - 1);
    assert_int_equal(close(input[1]), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct px_cert cert;
        bool ready = setsid() > 0 && dup2(input[0], STDIN_FILENO) == STDIN_FILENO;
        _exit(ready && px_cert_pem((struct px_str){.p = text, .n = n}, &cert, NULL) == PX_INVALID
                  ? 0
                  : 1);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(read(input[0], rest, sizeof rest), sizeof line - 1);
    assert_int_equal(close(input[0]), 0);
}

static void ask(const char *name, bool warn, const char *text) {
    struct px_tls_conf c = tls_rig_conf(name);
    struct px_probe_out out = {.skip = false};
    struct px_err err = PX_ERR_INIT;
    assert_int_equal(px_tls_probe(&c, now(), &out, &err), PX_OK);
    assert_int_equal(out.warn, warn);
    assert_false(out.skip);
    if (!strstr(out.detail, text)) {
        fail_msg("\"%s\" does not hold \"%s\"", out.detail, text);
    }
}

static void test_tls_probe_tells_names_and_days(void **state PX_UNUSED) {
    struct px_tls_conf none = {.certificate = "", .key = ""};
    struct px_probe_out out = {.skip = false};
    assert_int_equal(px_tls_probe(&none, now(), &out, NULL), PX_OK);
    assert_true(out.skip);

    ask("good", false, "CN=localhost, for localhost, 127.0.0.1: 89 days left");
    ask("bare", false, "CN=only.the.subject, for no names: 89 days left");
    ask("many", false, "for a.test, *.b.test, 192.0.2.1, 2001:db8::1: ");
    ask("soon", true, "Http:TlsCertificate expires in 2 days: put a new one in its place");
    assert_int_equal(chmod(tls_rig_path("good", "key"), 0644), 0);
    ask("good", true, "(Http:TlsKey): chmod o-rwx");
    assert_int_equal(chmod(tls_rig_path("good", "key"), 0640), 0);
    ask("good", false, "CN=localhost");
}

static enum px_code open_once(void *arg) {
    struct px_tls *t = NULL;
    enum px_code rc = px_tls_open(arg, now(), &t, NULL);
    px_tls_close(t);
    return rc;
}

static void test_tls_torture(void **state PX_UNUSED) {
    struct px_tls_conf c = tls_rig_conf("good");
    assert_true(torture(open_once, &c) >= 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_options_agree),
        cmocka_unit_test(test_tls_files_are_refused),
        cmocka_unit_test(test_tls_torn_chain_is_refused),
        cmocka_unit_test(test_tls_asks_nobody_for_a_password),
        cmocka_unit_test(test_tls_probe_tells_names_and_days),
        cmocka_unit_test(test_tls_torture),
    };
    return cmocka_run_group_tests(tests, make_files, NULL);
}
