/* Certificates and private keys in files: read them, and say what is wrong with them in the words
 * of the option that names the file. Decides no trust and keeps nothing. */
#ifndef PX_CERT_FILE_H
#define PX_CERT_FILE_H

#include <px/buf.h>
#include <px/cert.h>

#define PX_CERT_FILE_MAX (1024 * 1024)
#define PX_CERT_SOON     (14 * PX_US_PER_DAY) /* expires so soon: worth a warning */

/* A file and the option that names it: both begin every message. */
struct px_cert_file {
    const char *option, *path;
};

/* px_cert_file_read(f, out, reterr): append what the file holds. A key is the caller's to wipe:
 * px_cert_file_wipe. Errors: PX_CONFIG (no regular file, no permission, above PX_CERT_FILE_MAX),
 * PX_NOMEM. Threads: any. */
PX_MUST_USE enum px_code px_cert_file_read(const struct px_cert_file *f, struct px_buf *out,
                                           struct px_err *reterr);
void px_cert_file_wipe(struct px_buf *b);
/* px_cert_file_judge(f, pem, now, ret, reterr): the first certificate of ${pem}, whose time must be
 * ${now}. Errors: PX_CONFIG (no certificate, expired, not valid yet). Threads: pure. */
PX_MUST_USE enum px_code px_cert_file_judge(const struct px_cert_file *f, struct px_str pem,
                                            px_us now, struct px_cert *ret, struct px_err *reterr);
/* px_cert_file_load: px_cert_file_read and px_cert_file_judge in one. */
PX_MUST_USE enum px_code px_cert_file_load(const struct px_cert_file *f, px_us now,
                                           struct px_cert *ret, struct px_err *reterr);
/* A key as the file ${f} held it, and how it may be opened. */
struct px_cert_key {
    struct px_str pem;
    const char *password; /* NULL = none */
    const char *remedy;   /* behind the message when the password is missing or wrong */
};
/* px_cert_file_key(f, cert, key, reterr): does ${key} belong to the first certificate of ${cert}?
 * Errors: PX_CONFIG (unreadable, encrypted, another's). Threads: pure. */
PX_MUST_USE enum px_code px_cert_file_key(const struct px_cert_file *f, struct px_str cert,
                                          const struct px_cert_key *key, struct px_err *reterr);

/* px_cert_file_soon(f, cert, now, out): append "OPTION expires in 3 days: ..." when it does.
 * px_cert_file_open(f, out): append "every user can read ..." when it is so. Both put "; " before
 * it when ${out} holds something. */
void px_cert_file_soon(const struct px_cert_file *f, const struct px_cert *cert, px_us now,
                       struct px_buf *out);
void px_cert_file_open(const struct px_cert_file *f, struct px_buf *out);

#endif
