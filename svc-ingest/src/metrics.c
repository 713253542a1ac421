/* Rows of metrics.def with their label sets, and the table of temporary refusals. Data only. */
#include "metrics.h"

#include "routes.h"

#include <px/forwarded.h>
#include <px/http.h>
#include <px/validate.h>

#include <string.h>

static const char *const metric_classes[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
static const char *const metric_refusals[] = {
#define PX_REFUSAL(name, text, status, doc) text,
#include <px/refusal.def>
#undef PX_REFUSAL
};
static const char *const metric_found[] = {
#define PX_FWD_END(name, text, doc) text,
#include <px/forwarded.def>
#undef PX_FWD_END
};
static const char *const metric_reasons[] = {
#define PX_REASON(name, code, http, text) code,
#include <px/reason.def>
#undef PX_REASON
};
static const char *const metric_denials[] = {
#define ING_DENIAL(name, code, http, text) code,
#include "denial.def"
#undef ING_DENIAL
};
static const char *const metric_deliveries[] = {"persisted", "not_persisted", "maybe_persisted"};
static const char *const metric_dlq[] = {"stored", "failed", "left_out"};
static const char *const metric_traffic[] = {
#define PX_TRAFFIC(name, word, person, text) word,
#include <px/traffic.def>
#undef PX_TRAFFIC
};

static const char *const metric_dry[] = {"valid", "invalid"};

static const struct {
    const char *code, *text;
    unsigned retry;
} metric_busy[ING_BUSY_COUNT] = {
    [ING_BUSY_UNAVAILABLE] = {"log_unavailable",
                              "The event log cannot be reached; the event was not stored.", 5},
    [ING_BUSY_UNKNOWN] = {"log_unknown",
                          "The event log did not confirm the event in time; it may be stored. "
                          "Sending it again with the same event id is harmless.",
                          2},
    [ING_BUSY_OVERLOADED] = {"overloaded",
                             "Too many events are waiting for the log; the event was not stored.",
                             1},
    [ING_BUSY_REFUSED] = {"log_refused",
                          "The event log refuses events; an operator has to mend it.", 30},
};
static const char *const metric_busy_codes[ING_BUSY_COUNT] = {"log_unavailable", "log_unknown",
                                                              "overloaded", "log_refused"};

#define METRIC_SET(name, values)                                                                   \
    static const struct px_labels name = {.v = (values), .n = PX_ARRAY_LEN(values)}
static const struct px_labels ing_labels_route = {.v = ing_route_names, .n = ING_ROUTES};
METRIC_SET(ing_labels_class, metric_classes);
METRIC_SET(ing_labels_refusal, metric_refusals);
METRIC_SET(ing_labels_found, metric_found);
METRIC_SET(ing_labels_reason, metric_reasons);
METRIC_SET(ing_labels_denial, metric_denials);
METRIC_SET(ing_labels_delivery, metric_deliveries);
METRIC_SET(ing_labels_dlq, metric_dlq);
METRIC_SET(ing_labels_dry, metric_dry);
METRIC_SET(ing_labels_traffic, metric_traffic);
METRIC_SET(ing_labels_busy, metric_busy_codes);
/* Stand for the catalog's types and the workers until ing_metrics_new puts them in. Two arrays:
 * the sets are told apart by address. */
static const char *const metric_no_types[] = {"type"};
static const char *const metric_no_workers[] = {"worker"};
METRIC_SET(ing_labels_type, metric_no_types);
METRIC_SET(ing_labels_worker, metric_no_workers);

const struct px_metric_def ing_metric_defs[ING_METRICS] = {
#include <px/metric_rows.h>
#include "metrics.def"
#include <px/metric_end.h>
};

const char *ing_busy_code(enum ing_busy b) {
    return metric_busy[b].code;
}

const char *ing_busy_text(enum ing_busy b) {
    return metric_busy[b].text;
}

unsigned ing_busy_retry(enum ing_busy b) {
    return metric_busy[b].retry;
}

static const struct px_labels *metric_set(const struct px_labels *set,
                                          const struct ing_label_sets *sets) {
    if (set == &ing_labels_type) {
        return &sets->types;
    }
    return set == &ing_labels_worker ? &sets->workers : set;
}

enum px_code ing_metrics_new(const struct ing_label_sets *sets, size_t shards,
                             struct px_metric_def defs[ING_METRICS], struct px_metrics **ret,
                             struct px_err *reterr) {
    memcpy(defs, ing_metric_defs, sizeof ing_metric_defs);
    for (size_t i = 0; i < ING_METRICS; i++) {
        defs[i].set[0] = metric_set(defs[i].set[0], sets);
        defs[i].set[1] = metric_set(defs[i].set[1], sets);
    }
    return px_metrics_new(defs, ING_METRICS, shards, ret, reterr);
}
