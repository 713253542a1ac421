/* The configuration of svc-aggregator as one struct, filled by px_conf_load from the rows of
 * options.def and of the layers it uses. Read-only after start. */
#ifndef AGG_CONF_H
#define AGG_CONF_H

#include <px/app.h>
#include <px/kafka.h>
#include <px/registry.h>
#include <px/sql.h>
#include <px/tls.h>

struct agg_conf {
    struct px_app_conf shared;
    struct px_kafka_conf kafka;
    struct px_registry_conf registry;
    struct px_sql_conf sql;
    struct px_tls_conf tls; /* of the admin port */
#include <px/option_fields.h>
#include "options.def"
#include <px/option_end.h>
};
enum {
    AGG_NEW_LOG_HALT,
    AGG_NEW_LOG_START
};
enum {
    AGG_GAP_HALT,
    AGG_GAP_RECORD
};

/* All rows in the order of --help. */
extern const struct px_options agg_options;

/* agg_conf_check(c, reterr): rules between options. Errors: PX_CONFIG naming them. */
PX_MUST_USE enum px_code agg_conf_check(const struct agg_conf *c, struct px_err *reterr);

#endif
