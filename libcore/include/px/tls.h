/* TLS of the HTTP servers of a program: one certificate with its key, read from files, shown to
 * every new connection until a later one takes its place. TLS 1.2 and 1.3, HTTP/1.1 only; no
 * renegotiation, no resumption, no certificates of clients. Source: RFC 8446, RFC 9325; ADR on TLS.
 */
#ifndef PX_TLS_H
#define PX_TLS_H

#include <px/cert_file.h>
#include <px/clock.h>
#include <px/metric.h>
#include <px/probe.h>

/* The rows of options_tls.def. */
struct px_tls_conf {
#include <px/option_fields.h>
#include <px/options_tls.def>
#include <px/option_end.h>
};

/* How a connection can fail; closed set for metrics. */
enum px_tls_fault {
#define PX_TLS_FAULT(name, label, doc) PX_TLS_##name,
#include <px/tls_fault.def>
#undef PX_TLS_FAULT
};
/* Of metrics_tls.def: "1.2" and "1.3"; the labels of tls_fault.def. */
extern const struct px_labels px_tls_labels_version, px_tls_labels_fault;

struct px_tls; /* the certificate in use */

bool px_tls_used(const struct px_tls_conf *c); /* is a certificate configured? */
/* px_tls_open(c, now, ret, reterr): read and judge the files, be ready to serve; *ret is NULL when
 * there is no certificate, and on failure. ${c} must outlive it, it must outlive every server it is
 * given to. Gives: free with px_tls_close (NULL is fine).
 * Errors: PX_CONFIG naming option, file and remedy (unreadable, no pair, expired, not valid yet,
 * too weak, encrypted), PX_NOMEM. */
PX_MUST_USE enum px_code px_tls_open(const struct px_tls_conf *c, px_us now, struct px_tls **ret,
                                     struct px_err *reterr);
void px_tls_close(struct px_tls *t);
/* px_tls_renew(t, now): what SIGHUP does: read the files again and show the new certificate to new
 * connections; one that px_tls_open would refuse changes nothing. Logs the outcome, as
 * px_app_reload does: "tls.renewed" or "tls.renew_failed". NULL: nothing. Threads: one at a time,
 * any. */
void px_tls_renew(struct px_tls *t, px_us now);
/* px_tls_not_after(t): of the certificate in use; 0 when NULL. Threads: any. */
px_us px_tls_not_after(struct px_tls *t);

/* px_tls_probe(c, now, out, reterr): the probe http.tls of every program: what px_tls_open would
 * say, then subject, names and days left; warns of a certificate that expires soon and of a key
 * that every user can read; skipped without a certificate. Threads: any. */
PX_MUST_USE enum px_code px_tls_probe(const struct px_tls_conf *c, px_us now,
                                      struct px_probe_out *out, struct px_err *reterr);

/* What a server is given: who it is, and where it counts. ${tls} NULL: HTTP without TLS. ${shard}
 * is that of the server's thread; ${metrics} the number of PX_M_TLS_HANDSHAKES in its registry. */
struct px_tls_use {
    struct px_tls *tls;
    struct px_shard *shard;
    unsigned metrics;
};

#endif
