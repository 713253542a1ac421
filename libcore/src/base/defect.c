/* Planted defects of test builds: reads PX_DEFECT once and answers by name. Compiled to nothing in
 * a release. A name that no row knows ends the program at once: a test that believes it planted
 * something must not pass because of a typing error. */
#include <px/defect.h>

#include <px/base.h>

#ifdef PX_DEFECTS

#include <px/str.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define ROW(name) name,
static const char *const names[] = {PX_DEFECT_ROWS(ROW)};
static bool on[PX_ARRAY_LEN(names)];
static pthread_once_t read_once = PTHREAD_ONCE_INIT;

static bool *find(struct px_str name) {
    for (size_t i = 0; i < PX_ARRAY_LEN(names); i++) {
        if (px_str_is(name, names[i])) {
            return &on[i];
        }
    }
    fprintf(stderr, "PX_DEFECT: '%.*s' is not a row of px/defect.h\n", PX_S_ARG(name));
    abort();
}

static void read_names(void) {
    struct px_str rest = px_str_c(getenv("PX_DEFECT"));
    while (rest.n) {
        *find(px_str_part(&rest, ',')) = true;
    }
}

bool px_defect_on(const char *name) {
    pthread_once(&read_once, read_names);
    return *find(px_str_c(name));
}

#endif
