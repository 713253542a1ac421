/* What follows from single options. Must not read files or the environment; px_conf_load does. */
#include "conf.h"

const char *ing_conf_compression(const struct ing_conf *c) {
    static const char *const names[] = {"none", "lz4", "zstd", "gzip", "snappy"}; /* as the row */

    px_assert(c->compression >= 0 && (size_t)c->compression < PX_ARRAY_LEN(names));
    return names[c->compression];
}

size_t ing_conf_workers(const struct ing_conf *c, long cores) {
    if (c->workers > 0) {
        return (size_t)c->workers;
    }
    /* Every worker brings a second thread that works: its producer's. */
    return cores < 3 ? 1 : cores > 7 ? 4 : (size_t)(cores + 1) / 2;
}

/* Twenty-four for the process, sixteen for each worker and the brokers that it talks to. */
int64_t ing_conf_connections(const struct ing_conf *c, int64_t files, size_t workers) {
    int64_t spare = 24 + 16 * (int64_t)workers;
    int64_t room = files - (spare < files / 2 ? spare : files / 2);

    return c->max_connections < room ? c->max_connections : room;
}
