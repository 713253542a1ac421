/* What a request said, decoded but not judged: the common form of a pixel's query and a JSON event.
 * Reading finds what only the reader can see (bad escapes, doubles, wrong types); px_validate
 * judges the rest. */
#ifndef ING_FIELDS_H
#define ING_FIELDS_H

#include <px/json.h>
#include <px/validate.h>

#define ING_DROPPED_NAMES 16

struct ing_fields {
    struct px_raw_event raw; /* its source_ip: what the event itself says, not yet believed */
    struct px_verdict early; /* what reading found wrong */
    unsigned dropped;        /* attributes outside the allow-list: never built */
    struct px_str dropped_names[ING_DROPPED_NAMES]; /* of the first of them */
    struct px_str dry_run; /* pixels: the parameter as it came; .p NULL = none */
    bool dry;              /* and what it asks for */
    bool keyed;            /* the sender's id came from Idempotency-Key */
};

/* ing_fields_attr(type, name): the place of ${name} in the type's allow-list, or -1. */
int ing_fields_attr(const struct px_event_type *type, struct px_str name);

/* ing_pixel_read(type, query, arena, ret): the raw ${query} of a pixel of ${type}. Each value is
 * decoded once; parameters the catalog does not list are counted in ret->dropped and otherwise as
 * if they were not there, whatever their value looks like. Views into ${query} and ${arena}.
 * Errors: PX_NOMEM (arena). Threads: pure. */
PX_MUST_USE enum px_code ing_pixel_read(const struct px_event_type *type, struct px_str query,
                                        struct px_arena *arena, struct ing_fields *ret,
                                        struct px_err *reterr);
/* ing_pixel_names(v): rename fields from the event's words to the query's: attributes.s -> s,
 * eventId -> eid, sessionId -> sid. */
void ing_pixel_names(struct px_verdict *v);

/* ing_collect_read(cat, node, arena, ret): one event of POST /api/events. null counts as absent;
 * unknown members are issues, unknown attributes are counted in ret->dropped. Views into the
 * document of ${node} and ${arena}. Errors: PX_NOMEM (arena). Threads: pure. */
PX_MUST_USE enum px_code ing_collect_read(const struct px_catalog *cat, const struct px_jnode *node,
                                          struct px_arena *arena, struct ing_fields *ret,
                                          struct px_err *reterr);
/* ing_collect_key(f, key, twice): `Idempotency-Key: ${key}` for one event (.p NULL = no such
 * field): the sender's id unless the event holds one, which must then be the same. */
void ing_collect_key(struct ing_fields *f, struct px_str key, bool twice);
/* ing_collect_item_key(f, key, index, arena): the same for item ${index} of a batch that came with
 * the key: `${key}/${index}`, unless the event holds an id. ${key} has at most ING_BATCH_KEY_MAX
 * bytes. Errors: PX_NOMEM (arena). Threads: pure. */
#define ING_BATCH_KEY_MAX (PX_ID_MAX - 4) /* "/499" */
PX_MUST_USE enum px_code ing_collect_item_key(struct ing_fields *f, struct px_str key,
                                              uint32_t index, struct px_arena *arena);
/* ing_collect_names(f, v): where the id came from Idempotency-Key, what is wrong with it is named
 * so. */
void ing_collect_names(const struct ing_fields *f, struct px_verdict *v);

/* ing_fields_name(name, cap): as much of a sender's ${name} as fits into a field name of ${cap}
 * bytes with its NUL: whole characters. Threads: pure. */
struct px_str ing_fields_name(struct px_str name, size_t cap);

/* ing_fields_drop(f, name): one more attribute is left out. */
static inline void ing_fields_drop(struct ing_fields *f, struct px_str name) {
    if (f->dropped < ING_DROPPED_NAMES) {
        f->dropped_names[f->dropped] = name;
    }
    f->dropped++;
}
/* ing_fields_merge(early, judged): issues of both in *judged, reading first; what reading already
 * refused is not complained about again. */
void ing_fields_merge(const struct px_verdict *early, struct px_verdict *judged);

#endif
