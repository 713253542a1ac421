/* What fuzz targets share: how they end when a promise is broken, how they cut their input. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

const char *fuzz_with;

void fuzz_broken(const char *file, int line, const char *what) {
    fflush(stdout);
    fprintf(stderr, "%s:%d: broken: %s%s%s\n", file, line, what,
            fuzz_with ? ", compared with " : "", fuzz_with ? fuzz_with : "");
    abort();
}

struct px_str fuzz_text(struct px_str *s) {
    return px_str_part(s, '\xff');
}
