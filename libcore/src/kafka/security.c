/* TLS and SASL: from the options to librdkafka's properties, and what is wrong with the options
 * before any broker is asked. A secret's value never reaches a message. */
#include "kafka_internal.h"

#include <px/cert_file.h>
#include <px/kafka_access.h>

#include <stdio.h>

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

static struct px_cert_file px_security_certificate(const struct px_kafka_conf *k) {
    return (struct px_cert_file){"Kafka:CertificateFile", k->certificate_file};
}

static enum px_code px_security_key(const struct px_kafka_conf *k, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf cert = PX_BUF_INIT(2 * PX_CERT_FILE_MAX);
    PX_DEFER(px_cert_file_wipe) struct px_buf key = PX_BUF_INIT(2 * PX_CERT_FILE_MAX);
    const struct px_cert_file cert_file = px_security_certificate(k);
    const struct px_cert_file key_file = {"Kafka:KeyFile", k->key_file};
    enum px_code rc = px_cert_file_read(&cert_file, &cert, reterr);
    rc = rc == PX_OK ? px_cert_file_read(&key_file, &key, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    const struct px_cert_key given = {
        .pem = px_buf_view(&key), .password = k->key_password, .remedy = ": Kafka:KeyPasswordFile"};
    return px_cert_file_key(&key_file, px_buf_view(&cert), &given, reterr);
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
    const struct px_cert_file ca = {"Kafka:CaFile", k->ca_file};
    const struct px_cert_file own = px_security_certificate(k);
    if (rc == PX_OK && px_security_given(k->ca_file)) {
        rc = px_cert_file_load(&ca, now, &cert, reterr);
    }
    if (rc == PX_OK && px_security_given(k->certificate_file)) {
        rc = px_cert_file_load(&own, now, &cert, reterr);
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

static void px_security_soon(const struct px_cert_file *f, px_us now, struct px_buf *out) {
    struct px_cert cert;
    if (px_security_given(f->path) && px_cert_file_load(f, now, &cert, NULL) == PX_OK) {
        px_cert_file_soon(f, &cert, now, out);
    }
}

void px_kafka_security_advice(const struct px_kafka_conf *k, px_us now, struct px_buf *out) {
    char text[200];
    const struct px_cert_file key = {"Kafka:KeyFile", k->key_file};
    const struct px_cert_file ca = {"Kafka:CaFile", k->ca_file};
    const struct px_cert_file own = px_security_certificate(k);
    if (px_security_given(k->key_file)) {
        px_cert_file_open(&key, out);
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
    px_security_soon(&own, now, out);
    px_security_soon(&ca, now, out);
}

void px_kafka_principal(const struct px_kafka_conf *k, char out[PX_KAFKA_PRINCIPAL_MAX]) {
    struct px_cert cert = {.subject = "the subject of Kafka:CertificateFile"};
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(2 * PX_CERT_FILE_MAX);
    const struct px_cert_file own = px_security_certificate(k);
    if (px_security_sasl(k)) {
        snprintf(out, PX_KAFKA_PRINCIPAL_MAX, "User:%.200s", k->username ? k->username : "");
        return;
    }
    if (!px_security_tls(k) || !px_security_given(k->certificate_file)) {
        snprintf(out, PX_KAFKA_PRINCIPAL_MAX, "User:ANONYMOUS");
        return;
    }
    if (px_cert_file_read(&own, &b, NULL) == PX_OK) {
        PX_IGNORE(px_cert_pem(px_buf_view(&b), &cert, NULL)); /* named by its option then */
    }
    snprintf(out, PX_KAFKA_PRINCIPAL_MAX, "User:%s", cert.subject);
}
