/* What the files of this folder share: configuration of a librdkafka handle, error mapping.
 * Only this folder sees librdkafka; nothing here leaves through <px/kafka.h>. */
#ifndef PX_KAFKA_INTERNAL_H
#define PX_KAFKA_INTERNAL_H

#include <px/cluster.h>
#include <px/kafka.h>
#include <px/mem.h>
#include <librdkafka/rdkafka.h>

/* px_kafka_code(err): what a librdkafka error means to our callers. Threads: pure. */
enum px_code px_kafka_code(rd_kafka_resp_err_t err);

/* px_kafka_fail(reterr, err, where, what): fill ${reterr} from ${err} ("what: text"), keep the
 * native number, return the code. Use through PX_KAFKA_FAIL. */
enum px_code px_kafka_fail(struct px_err *reterr, rd_kafka_resp_err_t err, const char *where,
                           const char *what);
#define PX_KAFKA_FAIL(reterr, err, what) px_kafka_fail((reterr), (err), PX_HERE, (what))

/* px_kafka_denied(reterr, err, k, what): PX_DENIED in words: who may not do what on which resource,
 * and the remedy. Of ${what} only op, on and name are looked at. A refused log-in says so instead.
 */
enum px_code px_kafka_denied(struct px_err *reterr, rd_kafka_resp_err_t err,
                             const struct px_kafka_conf *k, const struct px_acl *what);

/* One property and its value, for tables. */
struct px_kafka_property {
    const char *name, *value;
};

/* px_kafka_conf_new(k, client_id, opaque, ret, reterr): a configuration with our defaults, the
 * user's Kafka:Properties and the connection options. Errors: PX_CONFIG, PX_NOMEM. */
PX_MUST_USE enum px_code px_kafka_conf_new(const struct px_kafka_conf *k, const char *client_id,
                                           void *opaque, rd_kafka_conf_t **ret,
                                           struct px_err *reterr);
/* px_kafka_conf_set_all(c, v, n, reterr): set each. Errors: PX_CONFIG. */
PX_MUST_USE enum px_code px_kafka_conf_set_all(rd_kafka_conf_t *c,
                                               const struct px_kafka_property *v, size_t n,
                                               struct px_err *reterr);
/* px_kafka_conf_set_ms(c, name, span, reterr): a span as (fractional) milliseconds. */
PX_MUST_USE enum px_code px_kafka_conf_set_ms(rd_kafka_conf_t *c, const char *name, px_us span,
                                              struct px_err *reterr);
PX_MUST_USE enum px_code px_kafka_conf_set_i64(rd_kafka_conf_t *c, const char *name, int64_t v,
                                               struct px_err *reterr);
/* px_kafka_handle_new(type, c, ret, reterr): start a handle; takes ${c} whatever happens. */
PX_MUST_USE enum px_code px_kafka_handle_new(rd_kafka_type_t type, rd_kafka_conf_t *c,
                                             rd_kafka_t **ret, struct px_err *reterr);

/* px_kafka_view(m, ret): a record as views into ${m}, which ${ret} holds from now on. */
void px_kafka_view(rd_kafka_message_t *m, struct px_message *ret);

/* security.c: the options of TLS and SASL. Errors: PX_CONFIG. */
PX_MUST_USE enum px_code px_kafka_security_set(rd_kafka_conf_t *c, const struct px_kafka_conf *k,
                                               struct px_err *reterr);

/* A span for calls that want whole milliseconds in an int. */
static inline int px_kafka_ms(px_us span) {
    px_us ms = span / PX_US_PER_MS;
    return ms < 0 ? 0 : ms > 3600000 ? 3600000 : (int)ms;
}

void px_kafka_conf_free(rd_kafka_conf_t **c); /* for PX_DEFER */

#endif
