/* The option table of svc-aggregator: rows, and the rules between them. Reads no file; px_conf_load
 * does. */
#include "conf.h"

#define PX_OPTION_STRUCT struct agg_conf
static const struct px_option rows[] = {
#define PX_OPTION_AT shared.
#include <px/option_rows.h>
#include <px/options_app.def>
#include <px/option_end.h>
#define PX_OPTION_AT kafka.
#include <px/option_rows.h>
#include <px/options_kafka.def>
#include <px/option_end.h>
#define PX_OPTION_AT registry.
#include <px/option_rows.h>
#include <px/options_registry.def>
#include <px/option_end.h>
#define PX_OPTION_AT sql.
#include <px/option_rows.h>
#include <px/options_sql.def>
#include <px/option_end.h>
#define PX_OPTION_AT tls.
#include <px/option_rows.h>
#include <px/options_tls.def>
#include <px/option_end.h>
#include <px/option_rows.h>
#include "options.def"
#include <px/option_end.h>
};

const struct px_options agg_options = {
    .v = rows, .n = PX_ARRAY_LEN(rows), .conf_size = sizeof(struct agg_conf)};

/* Rows without their claims could be counted again, and late events are those without claims. */
static enum px_code check_retention(const struct agg_conf *c, struct px_err *reterr) {
    const struct {
        px_us shorter, longer;
        const char *names;
    } pairs[] = {
        {c->retain_raw, c->retain_dedupe,
         "Retention:Dedupe must not be shorter than Retention:Raw: claims are needed for as long "
         "as events may come again"},
        {c->retain_dedupe, c->retain_minutes,
         "Retention:Minutes must not be shorter than Retention:Dedupe: what still counts would "
         "make removed rows anew"},
        {c->retain_dedupe, c->retain_aggregates,
         "Retention:Aggregates must not be shorter than Retention:Dedupe: what still counts would "
         "make removed rows anew"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(pairs); i++) {
        if (pairs[i].longer < pairs[i].shorter) {
            return PX_FAIL(reterr, PX_CONFIG, "%s", pairs[i].names);
        }
    }
    return PX_OK;
}

enum px_code agg_conf_check(const struct agg_conf *c, struct px_err *reterr) {
    if (c->tx_budget > c->max_poll / 3) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "Batch:TransactionBudget must be at most a third of Kafka:MaxPollInterval, "
                       "else partitions are lost in the middle of a batch");
    }
    if (c->session_timeout > c->max_poll) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "Kafka:SessionTimeout must not be longer than Kafka:MaxPollInterval");
    }
    return check_retention(c, reterr);
}
