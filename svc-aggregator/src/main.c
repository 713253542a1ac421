/* svc-aggregator: the definition of the program and nothing else. */
#include "agg.h"

int main(int argc, char **argv) {
    struct px_app_def def = agg_app;
    def.options = agg_options;
    def.probes = agg_probes;
    def.nprobes = agg_nprobes;
    return px_app_main(&def, argc, argv);
}
