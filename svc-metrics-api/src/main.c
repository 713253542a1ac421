/* svc-metrics-api: see DESIGN.md. */
#include "service.h"

int main(int argc, char **argv) {
    return px_app_main(&api_app_def, argc, argv);
}
