/* What a certificate says, read from PEM or DER bytes: for checks before a connection, and for
 * naming why one failed. Trust is decided by whoever makes the connection, not here. */
#ifndef PX_CERT_H
#define PX_CERT_H

#include <px/err.h>
#include <px/str.h>

#define PX_CERT_SUBJECT_MAX 200
#define PX_CERT_NAMES_MAX   200

struct px_cert {
    char subject[PX_CERT_SUBJECT_MAX]; /* RFC 2253: "CN=svc-ingest,O=..."; cut when longer */
    char names[PX_CERT_NAMES_MAX];     /* of hosts: "a.example, *.b.example, 192.0.2.1"; cut */
    px_us not_before, not_after;
};

/* px_cert_pem(pem, ret, reterr): the first certificate of ${pem}. px_cert_der: of binary bytes.
 * Errors: PX_INVALID (no certificate in it), PX_NOMEM. Threads: pure. */
PX_MUST_USE enum px_code px_cert_pem(struct px_str pem, struct px_cert *ret, struct px_err *reterr);
PX_MUST_USE enum px_code px_cert_der(struct px_str der, struct px_cert *ret, struct px_err *reterr);

/* px_cert_key(pem, key, password, reterr): is ${key} (PEM, maybe encrypted with ${password}) the
 * private key of the first certificate of ${pem}? Errors: PX_INVALID (one of the two cannot be
 * read), PX_DENIED (the password is missing or wrong), PX_CONFIG (they do not belong together),
 * PX_NOMEM. Threads: pure. */
PX_MUST_USE enum px_code px_cert_key(struct px_str pem, struct px_str key, const char *password,
                                     struct px_err *reterr);

/* Why a peer's certificate was not accepted: what to tell apart in a message. */
enum px_cert_fault {
    PX_CERT_FINE,
    PX_CERT_EXPIRED,
    PX_CERT_EARLY, /* not valid yet */
    PX_CERT_HOST,  /* issued for other names */
    PX_CERT_CA,    /* no chain to a known authority */
    PX_CERT_OTHER  /* weak key, revoked, wrong purpose, ...: px_cert_fault_text says which */
};
/* px_cert_fault_of(x509_error): of the number that OpenSSL's verification gives. Threads: pure. */
enum px_cert_fault px_cert_fault_of(int x509_error);
const char *px_cert_fault_text(int x509_error);

#endif
