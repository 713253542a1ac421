/* Certificates by libcrypto: subject, dates, whether a key belongs to one, and what OpenSSL's
 * verification numbers mean. Bytes in, facts out; reads no file and decides no trust. */
#include <px/cert.h>

#include <px/num.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define CERT_BYTES_MAX (1024 * 1024)

static void free_bio(BIO **b) {
    BIO_free(*b);
}
static void free_x509(X509 **x) {
    X509_free(*x);
}
static void free_key(EVP_PKEY **k) {
    EVP_PKEY_free(*k);
}

/* Not for ever in the library's queue of this thread: the next failure would be read as this one.
 */
static enum px_code fail(struct px_err *reterr, enum px_code code, const char *why) {
    ERR_clear_error();
    return PX_FAIL(reterr, code, "%s", why);
}

static BIO *over(struct px_str s) {
    return s.n > 0 && s.n <= CERT_BYTES_MAX ? BIO_new_mem_buf(s.p, (int)s.n) : NULL;
}

static px_us instant(const ASN1_TIME *t) {
    struct tm tm;
    if (!ASN1_TIME_to_tm(t, &tm)) {
        return 0;
    }
    px_us day = px_day_of_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
    return day * PX_US_PER_DAY +
           ((tm.tm_hour * INT64_C(60) + tm.tm_min) * 60 + tm.tm_sec) * PX_US_PER_S;
}

/* As people write it; other lengths are no address. */
static void address(BIO *b, const ASN1_OCTET_STRING *a) {
    char text[INET6_ADDRSTRLEN];
    int n = ASN1_STRING_length(a);
    int family = n == 4 ? AF_INET : AF_INET6;
    if ((n == 4 || n == 16) && inet_ntop(family, ASN1_STRING_get0_data(a), text, sizeof text)) {
        BIO_puts(b, text);
    }
}

static void free_names(GENERAL_NAMES **n) {
    GENERAL_NAMES_free(*n);
}

/* Names of hosts, and addresses, as OpenSSL prints them without their kind. */
static void names(X509 *x, char out[PX_CERT_NAMES_MAX]) {
    PX_DEFER(free_names) GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    PX_DEFER(free_bio) BIO *b = BIO_new(BIO_s_mem());
    for (int i = 0, told = 0; b && i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(all, i);
        if (n->type != GEN_DNS && n->type != GEN_IPADD) {
            continue;
        }
        BIO_puts(b, told++ ? ", " : "");
        if (n->type == GEN_DNS) {
            ASN1_STRING_print(b, n->d.dNSName);
        } else {
            address(b, n->d.iPAddress);
        }
    }
    int n = b ? BIO_read(b, out, PX_CERT_NAMES_MAX - 1) : 0;
    out[n > 0 ? n : 0] = '\0';
}

static enum px_code facts(X509 *x, struct px_cert *ret, struct px_err *reterr) {
    PX_DEFER(free_bio) BIO *b = BIO_new(BIO_s_mem());
    struct px_cert c = {.not_before = instant(X509_get0_notBefore(x)),
                        .not_after = instant(X509_get0_notAfter(x))};
    if (!b || X509_NAME_print_ex(b, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) < 0) {
        return fail(reterr, PX_NOMEM, "no memory for a certificate");
    }
    int n = BIO_read(b, c.subject, (int)sizeof c.subject - 1);
    c.subject[n > 0 ? n : 0] = '\0';
    names(x, c.names);
    ERR_clear_error(); /* a certificate without names, or with broken ones, says nothing */
    *ret = c;
    return PX_OK;
}

/* Without a callback of our own libcrypto would ask at the terminal. */
static int password_of(char *buf, int size, int writing, void *arg) {
    const char *password = arg;
    size_t n = password ? strlen(password) : 0;
    (void)writing;
    if (n == 0 || n > (size_t)size) {
        return -1;
    }
    memcpy(buf, password, n);
    return (int)n;
}

static X509 *first(struct px_str pem) {
    PX_DEFER(free_bio) BIO *b = over(pem);
    return b ? PEM_read_bio_X509(b, NULL, password_of, NULL) : NULL;
}

enum px_code px_cert_pem(struct px_str pem, struct px_cert *ret, struct px_err *reterr) {
    PX_DEFER(free_x509) X509 *x = first(pem);
    return x ? facts(x, ret, reterr)
             : fail(reterr, PX_INVALID, "holds no certificate (-----BEGIN CERTIFICATE-----)");
}

enum px_code px_cert_der(struct px_str der, struct px_cert *ret, struct px_err *reterr) {
    PX_DEFER(free_bio) BIO *b = over(der);
    PX_DEFER(free_x509) X509 *x = b ? d2i_X509_bio(b, NULL) : NULL;
    return x ? facts(x, ret, reterr) : fail(reterr, PX_INVALID, "is no certificate");
}

enum px_code px_cert_key(struct px_str pem, struct px_str key, const char *password,
                         struct px_err *reterr) {
    PX_DEFER(free_x509) X509 *x = first(pem);
    PX_DEFER(free_bio) BIO *b = over(key);
    union {
        const char *given;
        void *taken;
    } word = {.given = password};
    if (!x) {
        return fail(reterr, PX_INVALID, "the certificate cannot be read");
    }
    ERR_clear_error();
    PX_DEFER(free_key)
    EVP_PKEY *k = b ? PEM_read_bio_PrivateKey(b, NULL, password_of, word.taken) : NULL;
    if (!k) {
        struct px_str encrypted = PX_S("ENCRYPTED");
        bool locked = memmem(key.p, key.n, encrypted.p, encrypted.n) != NULL;
        return locked ? fail(reterr, PX_DENIED, "is encrypted: its password is missing or wrong")
                      : fail(reterr, PX_INVALID, "holds no private key (PEM)");
    }
    if (X509_check_private_key(x, k) != 1) {
        return fail(reterr, PX_CONFIG, "is not the key of this certificate");
    }
    return PX_OK;
}

/* --- verification -------------------------------------------------------------------------------
 */

enum px_cert_fault px_cert_fault_of(int x509_error) {
    switch (x509_error) {
    case X509_V_OK:
        return PX_CERT_FINE;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return PX_CERT_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return PX_CERT_EARLY;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return PX_CERT_HOST;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return PX_CERT_CA;
    default:
        return PX_CERT_OTHER;
    }
}

const char *px_cert_fault_text(int x509_error) {
    return X509_verify_cert_error_string(x509_error);
}
