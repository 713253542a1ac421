/* The configuration of svc-ingest as one struct, filled by px_conf_load from the rows of
 * options.def and of the layers it uses. Read-only after start. */
#ifndef ING_CONF_H
#define ING_CONF_H

#include <px/app.h>
#include <px/kafka.h>
#include <px/registry.h>
#include <px/tls.h>

struct ing_conf {
    struct px_app_conf shared;
    struct px_kafka_conf kafka;
    struct px_registry_conf registry;
    struct px_tls_conf tls;
#include <px/option_fields.h>
#include "options.def"
#include <px/option_end.h>
};

/* ing_conf_compression(c): name of the codec that ${c} chooses. */
const char *ing_conf_compression(const struct ing_conf *c);

/* ing_conf_workers(c, cores): the number of workers on a machine of ${cores}: at least 1. */
size_t ing_conf_workers(const struct ing_conf *c, long cores);

/* Choices of Ack:Proof, as the row has them. */
enum ing_proof {
    ING_PROOF_KEYED,
    ING_PROOF_ANY,
    ING_PROOF_OFF
};
/* Choices of Keys:Require, as the row has them. */
enum ing_require {
    ING_REQUIRE_NONE,
    ING_REQUIRE_SITE
};

enum { /* as the row Events:ClientTime */
    ING_CLIENT_TIME_KEYED,
    ING_CLIENT_TIME_ANY
};

/* ing_conf_connections(c, files, workers): Http:MaxConnections, or as many as leave descriptors for
 * the log and the admin port where only ${files} may be open. */
int64_t ing_conf_connections(const struct ing_conf *c, int64_t files, size_t workers);

/* The client is answered this much after the log's own deadline: librdkafka looks once a second. */
#define ING_REPLY_MARGIN (1500 * PX_US_PER_MS)

#endif
