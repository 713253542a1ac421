/* TLS of a database connection, for --check: what was negotiated, and whether it is enough. */
#ifndef PX_SQL_TLS_H
#define PX_SQL_TLS_H

#include <px/sql.h>

#define PX_TLS_WARN_DAYS 14 /* a certificate that ends sooner is worth a warning */

/* px_tls_check(s, conf, ret, reterr): what the server says about the connection of ${s}, opened
 * with
 * ${conf}. With PX_OK, ret->warn: it works, but anybody in between may pose as the server, or the
 * certificate ends within PX_TLS_WARN_DAYS. Errors: PX_UNSUPPORTED (no network in this database),
 * PX_CONFIG (the connection is not encrypted though SSLmode asks for it), PX_SQL*. */
struct px_tls_verdict {
    bool warn;
    char detail[232];
};
PX_MUST_USE enum px_code px_tls_check(struct px_sql *s, const struct px_sql_conf *conf,
                                      struct px_tls_verdict *ret, struct px_err *reterr);

#endif
