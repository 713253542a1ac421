/* Rows of metrics.def with their label sets. Data only. */
#include "metrics.h"

#include "offsets.h"
#include "retry.h"

#include <px/dedupe.h>
#include <px/validate.h>

#include <string.h>

static const char *const dispositions[] = {
    [PX_COUNTED] = "counted",     [PX_REPEAT] = "repeat",
    [PX_DUPLICATE] = "duplicate", [PX_CONFLICT] = "conflict",
    [PX_EXCLUDED] = "excluded",   [PX_LATE] = "late",
    [PX_ERASED] = "erased",       [PX_DEAD_LETTERED] = "dead_lettered"};
static_assert(PX_ARRAY_LEN(dispositions) == PX_DISPOSITIONS, "one label per disposition");
static const char *const reasons[] = {
#define PX_REASON(name, code, http, text) code,
#include <px/reason.def>
#undef PX_REASON
};
static const char *const retries[] = {
#define AGG_X(name, label, text) label,
    AGG_RETRY_CLASSES(AGG_X)
#undef AGG_X
};
static const char *const fates[] = {
    [AGG_FATE_DONE] = "done", [AGG_FATE_REDO] = "redo", [AGG_FATE_FENCED] = "fenced"};
/* Stands for the catalog's types until agg_metrics_new puts them in. */
static const char *const no_types[] = {"unknown"};

#define SET(name, values)                                                                          \
    static const struct px_labels name = {.v = (values), .n = PX_ARRAY_LEN(values)}
SET(agg_labels_disposition, dispositions);
SET(agg_labels_reason, reasons);
SET(agg_labels_retry, retries);
SET(agg_labels_fate, fates);
SET(agg_labels_type, no_types);

const struct px_metric_def agg_metric_defs[AGG_METRICS] = {
#include <px/metric_rows.h>
#include "metrics.def"
#include <px/metric_end.h>
};

enum px_code agg_metrics_new(const struct px_labels *types, struct px_metric_def defs[AGG_METRICS],
                             struct px_metrics **ret, struct px_err *reterr) {
    memcpy(defs, agg_metric_defs, sizeof agg_metric_defs);
    for (size_t i = 0; i < AGG_METRICS; i++) {
        for (size_t k = 0; k < 2; k++) {
            if (defs[i].set[k] == &agg_labels_type) {
                defs[i].set[k] = types;
            }
        }
    }
    return px_metrics_new(defs, AGG_METRICS, AGG_SHARDS, ret, reterr);
}
