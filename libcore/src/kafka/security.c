/* TLS and SASL: from the options to librdkafka's properties, and what is wrong with the options
 * before any broker is asked. A secret's value never reaches a message. */
#include "kafka_internal.h"

#include <px/cert.h>
#include <px/kafka_access.h>
#include <px/num.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PX_SECURITY_FILE_MAX (1024 * 1024)
#define PX_SECURITY_SOON     (14 * PX_US_PER_DAY)
#define PX_SECURITY_SCRAM_OK 0x020601ff

static const char *const px_security_protocols[] = {"plaintext", "ssl", "sasl_plaintext",
                                                    "sasl_ssl"};
static const char *const px_security_mechanisms[] = {"none", "PLAIN", "SCRAM-SHA-256",
                                                     "SCRAM-SHA-512"};
static const char *const px_security_shown[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};

static bool px_security_given(const char *s) {
    return s && *s;
}

static bool px_security_tls(const struct px_kafka_conf *k) {
    return k->protocol == PX_KAFKA_SSL || k->protocol == PX_KAFKA_SASL_SSL;
}

static bool px_security_sasl(const struct px_kafka_conf *k) {
    return k->protocol == PX_KAFKA_SASL_PLAINTEXT || k->protocol == PX_KAFKA_SASL_SSL;
}

/* --- to the library
 * ------------------------------------------------------------------------------- */

static enum px_code px_security_put(rd_kafka_conf_t *c, const char *option, const char *name,
                                    const char *value, struct px_err *reterr) {
    const struct px_kafka_property p = {name, value};
    if (px_security_given(value) && px_kafka_conf_set_all(c, &p, 1, reterr)) {
        return px_err_context(reterr, "%s", option);
    }
    return PX_OK;
}

enum px_code px_kafka_security_set(rd_kafka_conf_t *c, const struct px_kafka_conf *k,
                                   struct px_err *reterr) {
    const struct {
        bool wanted;
        const char *option, *name, *value;
    } rows[] = {
        {true, "Kafka:SecurityProtocol", "security.protocol", px_security_protocols[k->protocol]},
        {px_security_sasl(k), "Kafka:SaslMechanism", "sasl.mechanism",
         k->mechanism ? px_security_mechanisms[k->mechanism] : NULL},
        {px_security_sasl(k), "Kafka:Username", "sasl.username", k->username},
        {px_security_sasl(k), "Kafka:Password", "sasl.password", k->security_password},
        {px_security_tls(k), "Kafka:CaFile", "ssl.ca.location", k->ca_file},
        {px_security_tls(k), "Kafka:CertificateFile", "ssl.certificate.location",
         k->certificate_file},
        {px_security_tls(k), "Kafka:KeyFile", "ssl.key.location", k->key_file},
        {px_security_tls(k), "Kafka:KeyPassword", "ssl.key.password", k->key_password},
        {px_security_tls(k), "TLS", "enable.ssl.certificate.verification", "true"},
        {px_security_tls(k), "TLS", "ssl.endpoint.identification.algorithm", "https"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        if (rows[i].wanted &&
            px_security_put(c, rows[i].option, rows[i].name, rows[i].value, reterr)) {
            return PX_CONFIG;
        }
    }
    return PX_OK;
}

/* --- files
 * ---------------------------------------------------------------------------------------- */

static void px_security_close(int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
}

/* What a key's file held must not stay in memory. */
static void px_security_wipe(struct px_buf *b) {
    if (b->p) {
        explicit_bzero(b->p, b->n);
    }
    px_buf_fini(b);
}

static enum px_code px_security_read(const char *option, const char *path, struct px_buf *b,
                                     unsigned *ret_mode, struct px_err *reterr) {
    PX_DEFER(px_security_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    ssize_t n = 0;
    if (fd < 0) {
        return PX_FAIL(reterr, PX_CONFIG, "%s: %.120s: %s", option, path, strerror(errno));
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > PX_SECURITY_FILE_MAX) {
        return PX_FAIL(reterr, PX_CONFIG, "%s: %.120s: is no file of at most 1 MiB", option, path);
    }
    do {
        char *to = px_buf_reserve(b, 4096);
        n = to ? read(fd, to, 4096) : 0;
        b->n += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    if (n < 0) {
        return PX_FAIL(reterr, PX_CONFIG, "%s: %.120s: %s", option, path, strerror(errno));
    }
    *ret_mode = st.st_mode & 07777;
    return px_buf_ok(b, reterr);
}

/* The first certificate of a file, and whether its time is now. */
static enum px_code px_security_cert(const char *option, const char *path, px_us now,
                                     struct px_cert *ret, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(PX_SECURITY_FILE_MAX + 4096);
    struct px_err why = PX_ERR_INIT;
    unsigned mode;
    enum px_code rc = px_security_read(option, path, &b, &mode, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    if (px_cert_pem(px_buf_view(&b), ret, &why) != PX_OK) {
        return PX_FAIL(reterr, PX_CONFIG, "%s: %.100s: %.80s", option, path, why.msg);
    }
    char at[PX_TIME_TEXT];
    if (ret->not_after <= now) {
        size_t n = px_fmt_instant(ret->not_after, at);
        return PX_FAIL(reterr, PX_CONFIG, "%s: %.80s: the certificate %.60s expired at %.*s",
                       option, path, ret->subject, (int)n, at);
    }
    if (ret->not_before > now) {
        size_t n = px_fmt_instant(ret->not_before, at);
        return PX_FAIL(reterr, PX_CONFIG,
                       "%s: %.80s: the certificate %.60s is not valid before %.*s", option, path,
                       ret->subject, (int)n, at);
    }
    return PX_OK;
}

static enum px_code px_security_key(const struct px_kafka_conf *k, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf cert = PX_BUF_INIT(PX_SECURITY_FILE_MAX + 4096);
    PX_DEFER(px_security_wipe) struct px_buf key = PX_BUF_INIT(PX_SECURITY_FILE_MAX + 4096);
    struct px_err why = PX_ERR_INIT;
    unsigned mode;
    enum px_code rc =
        px_security_read("Kafka:CertificateFile", k->certificate_file, &cert, &mode, reterr);
    rc = rc == PX_OK ? px_security_read("Kafka:KeyFile", k->key_file, &key, &mode, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    rc = px_cert_key(px_buf_view(&cert), px_buf_view(&key), k->key_password, &why);
    if (rc != PX_OK) {
        return PX_FAIL(reterr, PX_CONFIG, "Kafka:KeyFile: %.100s %.80s%s", k->key_file, why.msg,
                       rc == PX_DENIED ? ": Kafka:KeyPasswordFile" : "");
    }
    return PX_OK;
}

/* --- do the options agree?
 * ------------------------------------------------------------------------ */

static enum px_code px_security_rules_sasl(const struct px_kafka_conf *k, struct px_err *reterr) {
    const char *shown = px_security_shown[k->protocol];
    if (px_security_sasl(k)) {
        if (k->mechanism == PX_SASL_NONE) {
            return PX_FAIL(
                reterr, PX_CONFIG,
                "Kafka:SecurityProtocol %s needs Kafka:SaslMechanism: PLAIN or SCRAM-SHA-512",
                shown);
        }
        if (!px_security_given(k->username)) {
            return PX_FAIL(reterr, PX_CONFIG, "Kafka:SecurityProtocol %s needs Kafka:Username",
                           shown);
        }
        if (!px_security_given(k->security_password)) {
            return PX_FAIL(reterr, PX_CONFIG,
                           "Kafka:SecurityProtocol %s needs a password: name a file that holds it "
                           "with Kafka:PasswordFile",
                           shown);
        }
        return PX_OK;
    }
    const char *extra = k->mechanism                              ? "Kafka:SaslMechanism"
                        : px_security_given(k->username)          ? "Kafka:Username"
                        : px_security_given(k->security_password) ? "Kafka:Password"
                                                                  : NULL;
    if (extra) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "%s is set, but Kafka:SecurityProtocol %s sends no user name: use SASL_SSL",
                       extra, shown);
    }
    return PX_OK;
}

static enum px_code px_security_rules_tls(const struct px_kafka_conf *k, struct px_err *reterr) {
    const char *extra = px_security_given(k->ca_file)            ? "Kafka:CaFile"
                        : px_security_given(k->certificate_file) ? "Kafka:CertificateFile"
                        : px_security_given(k->key_file)         ? "Kafka:KeyFile"
                                                                 : NULL;
    if (!px_security_tls(k) && extra) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "%s is set, but Kafka:SecurityProtocol %s does not encrypt: use SSL or "
                       "SASL_SSL",
                       extra, px_security_shown[k->protocol]);
    }
    if (px_security_given(k->certificate_file) && !px_security_given(k->key_file)) {
        return PX_FAIL(reterr, PX_CONFIG, "Kafka:CertificateFile is set: Kafka:KeyFile is missing");
    }
    if (px_security_given(k->key_file) && !px_security_given(k->certificate_file)) {
        return PX_FAIL(reterr, PX_CONFIG, "Kafka:KeyFile is set: Kafka:CertificateFile is missing");
    }
    return PX_OK;
}

enum px_code px_kafka_security_check(const struct px_kafka_conf *k, px_us now,
                                     struct px_err *reterr) {
    struct px_cert cert;
    enum px_code rc = px_security_rules_sasl(k, reterr);
    rc = rc == PX_OK ? px_security_rules_tls(k, reterr) : rc;
    if (rc == PX_OK && px_security_given(k->ca_file)) {
        rc = px_security_cert("Kafka:CaFile", k->ca_file, now, &cert, reterr);
    }
    if (rc == PX_OK && px_security_given(k->certificate_file)) {
        rc = px_security_cert("Kafka:CertificateFile", k->certificate_file, now, &cert, reterr);
        rc = rc == PX_OK ? px_security_key(k, reterr) : rc;
    }
    if (rc == PX_OK) { /* what Kafka:Properties must not set is told here, too */
        PX_DEFER(px_kafka_conf_free) rd_kafka_conf_t *c = NULL;
        rc = px_kafka_conf_new(k, NULL, NULL, &c, reterr);
    }
    return rc;
}

/* --- advice
 * --------------------------------------------------------------------------------------- */

static void px_security_say(struct px_buf *out, const char *text) {
    px_buf_printf(out, "%s%s", out->n ? "; " : "", text);
}

static void px_security_soon(const char *option, const char *path, px_us now, struct px_buf *out) {
    struct px_cert cert;
    char text[160];
    if (!px_security_given(path) || px_security_cert(option, path, now, &cert, NULL) != PX_OK ||
        cert.not_after - now > PX_SECURITY_SOON) {
        return;
    }
    snprintf(text, sizeof text, "%s expires in %lld days: put a new one in its place", option,
             (long long)((cert.not_after - now) / PX_US_PER_DAY));
    px_security_say(out, text);
}

void px_kafka_security_advice(const struct px_kafka_conf *k, px_us now, struct px_buf *out) {
    char text[200];
    struct stat st;
    if (px_security_given(k->key_file) && stat(k->key_file, &st) == 0 && (st.st_mode & 07)) {
        snprintf(text, sizeof text, "every user can read %.80s (Kafka:KeyFile): chmod o-rwx",
                 k->key_file);
        px_security_say(out, text);
    }
    if (k->protocol == PX_KAFKA_SASL_PLAINTEXT && k->mechanism == PX_SASL_PLAIN) {
        px_security_say(out, "the password crosses the network in clear: use SASL_SSL");
    }
    if (k->mechanism >= PX_SASL_SCRAM_256 && rd_kafka_version() < PX_SECURITY_SCRAM_OK) {
        snprintf(text, sizeof text,
                 "librdkafka %s fails SCRAM against Kafka 4: use 2.6.1 or later, or PLAIN over TLS",
                 rd_kafka_version_str());
        px_security_say(out, text);
    }
    px_security_soon("Kafka:CertificateFile", k->certificate_file, now, out);
    px_security_soon("Kafka:CaFile", k->ca_file, now, out);
}

void px_kafka_principal(const struct px_kafka_conf *k, char out[PX_KAFKA_PRINCIPAL_MAX]) {
    struct px_cert cert = {.subject = "the subject of Kafka:CertificateFile"};
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(PX_SECURITY_FILE_MAX + 4096);
    unsigned mode;
    if (px_security_sasl(k)) {
        snprintf(out, PX_KAFKA_PRINCIPAL_MAX, "User:%.200s", k->username ? k->username : "");
        return;
    }
    if (!px_security_tls(k) || !px_security_given(k->certificate_file)) {
        snprintf(out, PX_KAFKA_PRINCIPAL_MAX, "User:ANONYMOUS");
        return;
    }
    if (px_security_read("Kafka:CertificateFile", k->certificate_file, &b, &mode, NULL) == PX_OK) {
        PX_IGNORE(px_cert_pem(px_buf_view(&b), &cert, NULL)); /* named by its option then */
    }
    snprintf(out, PX_KAFKA_PRINCIPAL_MAX, "User:%s", cert.subject);
}
