/* svc-ingest: collects pixel and JSON events over HTTP and writes them to the log. Only the tables
 * that describe the program stand here; service.c does the work. */
#include "classify.h"
#include "explain.h"
#include "keyfile.h"
#include "schemas.h"

#define PX_OPTION_STRUCT struct ing_conf
static const struct px_option main_options[] = {
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
#define PX_OPTION_AT tls.
#include <px/option_rows.h>
#include <px/options_tls.def>
#include <px/option_end.h>
#include <px/option_rows.h>
#include "options.def"
#include <px/option_end.h>
};

static const struct px_app_param main_classify_params[] = {
    {.name = "header",
     .value = "NAME:VALUE",
     .help = "A field of the request beside the user agent, such as 'Sec-GPC: 1'."},
};

static const struct px_app_command main_commands[] = {
    {.name = "classify",
     .value = "USER-AGENT",
     .help = "Say what class an event of this user agent gets, and why ('' = none was sent).",
     .run = ing_classify,
     .params = main_classify_params,
     .nparams = PX_ARRAY_LEN(main_classify_params)},
    {.name = "register-schemas",
     .args = "plan|apply",
     .help = "Show, or make, what the schema registry must hold before this build runs.",
     .run = ing_register},
    {.name = "print-schema",
     .help = "Print the JSON Schema of an event, and exit.",
     .run = ing_service_schema},
    {.name = "explain-ip",
     .value = "PEER",
     .help = "Show how the client of a request is found whose connection comes from PEER.",
     .run = ing_explain_ip,
     .params = ing_explain_params,
     .nparams = ING_EXPLAIN_PARAMS},
    {.name = "make-key",
     .value = "CLIENT",
     .help = "Make a server key for CLIENT: print it, once, and its row for the file of Keys:File.",
     .run = ing_make_key,
     .params = ing_make_key_params,
     .nparams = ING_MAKE_KEY_PARAMS},
};

static const struct px_app_def main_app = {
    .name = "svc-ingest",
    .summary = "collects pixel and JSON events over HTTP and writes them to Kafka",
    .options = {.v = main_options,
                .n = PX_ARRAY_LEN(main_options),
                .conf_size = sizeof(struct ing_conf)},
    .shared_offset = offsetof(struct ing_conf, shared),
    .commands = main_commands,
    .ncommands = PX_ARRAY_LEN(main_commands),
    .probes = ing_probes,
    .nprobes = ING_PROBES,
    .metrics = ing_metric_defs,
    .nmetrics = ING_METRICS,
    .init = ing_service_init,
    .start = ing_service_start,
    .drain = ing_service_drain,
    .stop = ing_service_stop,
    .fini = ing_service_fini,
    .reload = ing_service_reload,
    .versions = ing_service_versions};

int main(int argc, char **argv) {
    return px_app_main(&main_app, argc, argv);
}
