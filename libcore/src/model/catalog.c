/* The event catalog in memory: look-ups by name and by position, topic names. Immutable once it has
 * been loaded, so every thread reads it without a lock. Reading the file is catalog_yaml.c. */
#include "catalog_impl.h"

#include <px/mem.h>

#define CATALOG_MAX_BYTES ((size_t)8 * 1024 * 1024)

enum px_code px_catalog_new(struct px_catalog **ret, struct px_err *reterr) {
    struct px_catalog *c = px_alloc(sizeof *c);
    if (!c) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the event catalog");
    }
    px_arena_init(&c->mem, CATALOG_MAX_BYTES);
    px_map_init(&c->index, PX_CATALOG_MAX_TYPES);
    *ret = c;
    return PX_OK;
}

void px_catalog_free(struct px_catalog *c) {
    if (!c) {
        return;
    }
    px_map_fini(&c->index);
    px_arena_fini(&c->mem);
    px_free(c);
}

const char *px_catalog_keep(struct px_catalog *c, const char *s) {
    return px_arena_dup(&c->mem, px_str_c(s)).p;
}

const struct px_event_type *px_catalog_find(const struct px_catalog *c, struct px_str name) {
    const uint64_t *at = px_map_get(&c->index, name);
    return at ? &c->types[*at] : NULL;
}

const struct px_event_type *px_catalog_type(const struct px_catalog *c, size_t i) {
    px_assert(i < c->ntypes);
    return &c->types[i];
}

size_t px_catalog_count(const struct px_catalog *c) {
    return c->ntypes;
}

const struct px_family *px_catalog_family(const struct px_catalog *c, size_t i) {
    px_assert(i < c->nfamilies);
    return &c->families[i];
}

size_t px_catalog_families(const struct px_catalog *c) {
    return c->nfamilies;
}

const char *const *px_catalog_names(const struct px_catalog *c) {
    return c->names;
}

void px_topic_name(struct px_buf *b, const struct px_topic_parts *parts, const struct px_family *f,
                   bool dlq) {
    px_buf_printf(b, "%s_%s_%s_%s_AAP_EXT_PIXEL-ANALYTICS_%s", dlq ? "DLQ" : "EVT", parts->region,
                  parts->org, parts->env, f->topic);
}

void px_erasure_topic_name(struct px_buf *b, const struct px_topic_parts *parts,
                           const struct px_family *f) {
    px_buf_printf(b, "ERS_%s_%s_%s_AAP_EXT_PIXEL-ANALYTICS_%s", parts->region, parts->org,
                  parts->env, f->topic);
}
