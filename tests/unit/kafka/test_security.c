/* The options of TLS and SASL before any broker is asked: which combinations are refused and in
 * what words, files that are wrong, dates, keys, and who the brokers will take us for. */
#include <px/kafka_access.h>
#include <px/num.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

/* Made for this test; protects nothing. CN=svc-test, O=Example; its key, another one, and its key
 * under the password "sesame". */
static const char cert_pem[] = "-----BEGIN CERTIFICATE-----\n"
                               "MIIBoDCCAUWgAwIBAgIUWg+qPd1s/vigoVj1oNHCD0IckeAwCgYIKoZIzj0EAwIw\n"
                               "JTEQMA4GA1UECgwHRXhhbXBsZTERMA8GA1UEAwwIc3ZjLXRlc3QwHhcNMjYxMTI2\n"
                               "MTkzNzI3WhcNMzYxMTIzMTkzNzI3WjAlMRAwDgYDVQQKDAdFeGFtcGxlMREwDwYD\n"
                               "VQQDDAhzdmMtdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABB42FaVqxl9C\n"
                               "hg464zDZ8eVqmysUjS/CrK13vinlThp3BdOBFj6elxpphGbu42zbSF//KzqaQkSD\n"
                               "aPsNFxtpacejUzBRMB0GA1UdDgQWBBSgiUMQlcFdUeRt7tHKvEjYi4igeDAfBgNV\n"
                               "HSMEGDAWgBSgiUMQlcFdUeRt7tHKvEjYi4igeDAPBgNVHRMBAf8EBTADAQH/MAoG\n"
                               "CCqGSM49BAMCA0kAMEYCIQDgb0dxjdSMZaLEyePD+TVaWy0McxrMn5Pi4jdQsc79\n"
                               "VgIhAJgS3mZkOHu7mkIPeNlZevus1BHdgesoaDobeQB3p5Q7\n"
                               "-----END CERTIFICATE-----\n";
static const char key_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgHxLi54QdbGbQ3MEU\n"
                              "q6LN479qaPD42aNLzwulleEriHShRANCAAQeNhWlasZfQoYOOuMw2fHlapsrFI0v\n"
                              "wqytd74p5U4adwXTgRY+npcaaYRm7uNs20hf/ys6mkJEg2j7DRcbaWnH\n"
                              "-----END PRIVATE KEY-----\n";
static const char other_key_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgArjHkMgflghTmcAp\n"
    "uBgfK2sr4PzjTqlR8IPRrwvaYguhRANCAARHpm6ZmGkf80WCLaQsgpsdVOtg25Ml\n"
    "aZPB0Za+mIWP5d1VaIobPtrY0ldxdcogotgPM4xXsVrcgmh9ViaTBwqg\n"
    "-----END PRIVATE KEY-----\n";
static const char locked_key_pem[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIHrMFYGCSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAjL1Qs8fPrYpgIBATAM\n"
    "BggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBAgQQPFHMFw6RcegWLLwTVscJ4wSBkM94\n"
    "ofdAihliDdHYLvWDCre96TOvYx9dOubRrhdZcvm6Q9fusKMQ7hFeuMRMBGe4YoBb\n"
    "nIWl8AFn9ucsIFmj7aMOiqRzQZvF+JKaau4p1P0y8thE8mgfCnOYQYB+uRAPCBTT\n"
    "syx9xv8dFstCBcIizwKYuM+rLDvHTfeTSPUpB9wOLl5S8t24Ojzeoh8OL6XPJA==\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

static char dir[] = "/tmp/px-security.XXXXXX";

static const char *file(const char *name) {
    static char path[8][64];
    static size_t next;
    char *p = path[next++ % PX_ARRAY_LEN(path)];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

static void put(const char *name, const char *text, mode_t mode) {
    FILE *f = fopen(file(name), "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(file(name), mode), 0);
}

static int make_files(void **state PX_UNUSED) {
    if (!mkdtemp(dir)) {
        return -1;
    }
    put("cert.pem", cert_pem, 0644);
    put("key.pem", key_pem, 0600);
    put("other.pem", other_key_pem, 0600);
    put("locked.pem", locked_key_pem, 0600);
    put("open.pem", key_pem, 0644);
    put("empty.pem", "", 0644);
    put("text.pem", "no certificate at all\n", 0644);
    return 0;
}

static int drop_files(void **state PX_UNUSED) {
    static const char *const names[] = {"cert.pem", "key.pem",   "other.pem", "locked.pem",
                                        "open.pem", "empty.pem", "text.pem"};
    for (size_t i = 0; i < PX_ARRAY_LEN(names); i++) {
        unlink(file(names[i]));
    }
    return rmdir(dir);
}

static px_us at(const char *instant) {
    px_us t = 0;
    assert_true(px_parse_instant(px_str_c(instant), &t));
    return t;
}
#define NOW "2027-06-01T00:00:00Z"

static void refuse(const struct px_kafka_conf *k, const char *when, const char *says) {
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = px_kafka_security_check(k, at(when), &err);
    if (rc != PX_CONFIG || !strstr(err.msg, says)) {
        fail_msg("%d \"%s\" does not say \"%s\"", rc, err.msg, says);
    }
}

static void accept(const struct px_kafka_conf *k, const char *principal) {
    struct px_err err = PX_ERR_INIT;
    char who[PX_KAFKA_PRINCIPAL_MAX];
    if (px_kafka_security_check(k, at(NOW), &err) != PX_OK) {
        fail_msg("%s", err.msg);
    }
    px_kafka_principal(k, who);
    assert_string_equal(who, principal);
}

static const struct px_kafka_conf whole_sasl = {.bootstrap = "b",
                                                .protocol = PX_KAFKA_SASL_SSL,
                                                .mechanism = PX_SASL_PLAIN,
                                                .username = "svc-x",
                                                .security_password = "swordfish"};

static void test_security_options_agree(void **state PX_UNUSED) {
    struct px_kafka_conf k = {.bootstrap = "b"};

    accept(&k, "User:ANONYMOUS");
    k.username = "svc-x";
    refuse(&k, NOW, "Kafka:Username is set, but Kafka:SecurityProtocol PLAINTEXT sends no user");
    k = (struct px_kafka_conf){.protocol = PX_KAFKA_SSL, .mechanism = PX_SASL_PLAIN};
    refuse(&k, NOW, "Kafka:SaslMechanism is set, but Kafka:SecurityProtocol SSL");
    k = (struct px_kafka_conf){.security_password = "swordfish"};
    refuse(&k, NOW, "Kafka:Password is set, but");
    k = whole_sasl;
    accept(&k, "User:svc-x");
    k.mechanism = PX_SASL_NONE;
    refuse(&k, NOW, "SASL_SSL needs Kafka:SaslMechanism");
    k = whole_sasl, k.username = "";
    refuse(&k, NOW, "needs Kafka:Username");
    k = whole_sasl, k.security_password = "";
    refuse(&k, NOW, "Kafka:PasswordFile");
    k = (struct px_kafka_conf){.ca_file = file("cert.pem")};
    refuse(&k, NOW, "Kafka:CaFile is set, but Kafka:SecurityProtocol PLAINTEXT does not encrypt");
    k = (struct px_kafka_conf){.protocol = PX_KAFKA_SSL, .certificate_file = file("cert.pem")};
    refuse(&k, NOW, "Kafka:KeyFile is missing");
    k = (struct px_kafka_conf){.protocol = PX_KAFKA_SSL, .key_file = file("key.pem")};
    refuse(&k, NOW, "Kafka:CertificateFile is missing");
}

static void test_security_files(void **state PX_UNUSED) {
    struct px_kafka_conf k = whole_sasl;

    k.ca_file = file("absent.pem");
    refuse(&k, NOW, "absent.pem: No such file");
    k.ca_file = dir;
    refuse(&k, NOW, "is no file");
    k.ca_file = file("empty.pem");
    refuse(&k, NOW, "Kafka:CaFile: ");
    k.ca_file = file("text.pem");
    refuse(&k, NOW, "holds no certificate");
    k.ca_file = file("cert.pem");
    accept(&k, "User:svc-x");
    refuse(&k, "2020-01-01T00:00:00Z", "is not valid before 20");
    refuse(&k, "2047-01-01T00:00:00Z", "CN=svc-test,O=Example expired at 20");
}

static void test_security_certificate_and_key(void **state PX_UNUSED) {
    struct px_kafka_conf k = {.bootstrap = "b",
                              .protocol = PX_KAFKA_SSL,
                              .certificate_file = file("cert.pem"),
                              .key_file = file("key.pem")};

    accept(&k, "User:CN=svc-test,O=Example");
    k.key_file = file("other.pem");
    refuse(&k, NOW, "other.pem is not the key of this certificate");
    k.key_file = file("text.pem");
    refuse(&k, NOW, "text.pem holds no private key");
    k.key_file = file("locked.pem");
    refuse(&k, NOW, "is encrypted: its password is missing or wrong: Kafka:KeyPasswordFile");
    k.key_password = "sesam";
    refuse(&k, NOW, "is encrypted");
    k.key_password = "sesame";
    accept(&k, "User:CN=svc-test,O=Example");
    refuse(&k, "2047-01-01T00:00:00Z", "Kafka:CertificateFile: ");
}

static void advises(const struct px_kafka_conf *k, const char *when, const char *says) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(2048);
    px_kafka_security_advice(k, at(when), &b);
    if (says[0] ? !strstr(px_buf_cstr(&b), says) : b.n > 0) {
        fail_msg("\"%s\" does not say \"%s\"", px_buf_cstr(&b), says);
    }
}

static void test_security_advice(void **state PX_UNUSED) {
    struct px_kafka_conf k = whole_sasl;

    k.ca_file = file("cert.pem");
    advises(&k, NOW, "");
    advises(&k, "2036-11-14T07:37:27Z", "Kafka:CaFile expires in 9 days");
    k.protocol = PX_KAFKA_SASL_PLAINTEXT;
    advises(&k, NOW, "crosses the network in clear");
    k = (struct px_kafka_conf){.protocol = PX_KAFKA_SSL,
                               .certificate_file = file("cert.pem"),
                               .key_file = file("open.pem")};
    advises(&k, NOW, "open.pem (Kafka:KeyFile): chmod o-rwx");
    k.key_file = file("key.pem");
    advises(&k, NOW, "");
}

/* What the options say reaches the library; what would undo it is refused. */
static void test_security_properties_are_refused(void **state PX_UNUSED) {
    static const char *const refused[] = {"security.protocol=ssl",
                                          "sasl.mechanism=PLAIN",
                                          "sasl.mechanisms=PLAIN",
                                          "sasl.username=a",
                                          "sasl.password=a",
                                          "ssl.ca.location=a",
                                          "ssl.key.location=a",
                                          "ssl.certificate.location=a",
                                          "enable.ssl.certificate.verification=false",
                                          "ssl.endpoint.identification.algorithm=none"};
    for (size_t i = 0; i < PX_ARRAY_LEN(refused); i++) {
        struct px_kafka_conf k = whole_sasl;
        struct px_topic_info info;
        struct px_err err = PX_ERR_INIT;
        k.bootstrap = "127.0.0.1:1", k.properties = refused[i];
        assert_int_equal(px_kafka_describe(&k, NULL, 1, &info, &err), PX_CONFIG);
        assert_non_null(strstr(err.msg, "cannot be set there"));
        assert_null(strstr(err.msg, "swordfish"));
        refuse(&k, NOW, "cannot be set there"); /* without a network, too */
    }
    struct px_kafka_conf k = {.bootstrap = "b", .properties = "socket.nagle.disabled=true"};
    refuse(&k, NOW, "Kafka:Properties: socket.nagle.disabled: No such");
}

static void test_security_ports_are_ports(void **state PX_UNUSED) {
    static const char *const good[] = {"kafka",     "kafka:1",   "a:9092, b:65535",
                                       "[::1]:909", "[fe80::2]", "PLAINTEXT://a:9092"};
    static const char *const bad[] = {"a:0",    "a:65536", "a:9092,b:99999",
                                      "[::1]:", "a:9o92",  "PLAINTEXT://a:-1"};
    for (size_t i = 0; i < PX_ARRAY_LEN(good); i++) {
        accept(&(struct px_kafka_conf){.bootstrap = good[i]}, "User:ANONYMOUS");
    }
    for (size_t i = 0; i < PX_ARRAY_LEN(bad); i++) {
        refuse(&(struct px_kafka_conf){.bootstrap = bad[i]}, NOW, "has no port from 1 to 65535");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_security_options_agree),
        cmocka_unit_test(test_security_files),
        cmocka_unit_test(test_security_certificate_and_key),
        cmocka_unit_test(test_security_advice),
        cmocka_unit_test(test_security_properties_are_refused),
        cmocka_unit_test(test_security_ports_are_ports),
    };
    return cmocka_run_group_tests(tests, make_files, drop_files);
}
