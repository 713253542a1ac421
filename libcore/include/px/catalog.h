/* The event catalog: what schemas/events.yaml says, checked and indexed. Immutable after load, so
 * any thread may read it. Adding an event type is one row in the file. */
#ifndef PX_CATALOG_H
#define PX_CATALOG_H

#include <px/event.h>

struct px_family {     /* owns a topic and the dead-letter topic beside it */
    const char *name;  /* "pixel" */
    const char *topic; /* "PIXEL_EVENTS": the last part of the topic name */
    int partitions;    /* wanted when the topic is created */
};

struct px_field_rule { /* one allowed attribute */
    const char *name;
    enum px_attr_kind kind;
    size_t max_bytes; /* text */
    int64_t min, max; /* int  */
    bool required;
};

enum px_dedupe_rule {
    PX_DEDUPE_DAY /* (day, type, player, banner) */,
    PX_DEDUPE_EVENT_ID
};

struct px_event_type {
    const char *name; /* "visit" */
    unsigned index;   /* position in the catalog; metric label index */
    const struct px_family *family;
    bool pixel; /* reachable at /api/pixel/{name} and /{name} */
    enum px_dedupe_rule dedupe;
    const struct px_field_rule *fields; /* sorted by name */
    size_t nfields;
};

#define PX_CATALOG_MAX_TYPES 128

struct px_catalog;

/* px_catalog_load(path, ret, reterr): read and cross-check events.yaml. Unknown, missing and
 * duplicate keys, bad numbers and booleans, unknown families, an empty file and a second document
 * are errors that name the row. Gives: free with px_catalog_free. Errors: PX_CONFIG, PX_NOMEM. */
PX_MUST_USE enum px_code px_catalog_load(const char *path, struct px_catalog **ret,
                                         struct px_err *reterr);
void px_catalog_free(struct px_catalog *c);

/* px_catalog_find(c, name): the row of type ${name}, or NULL. Borrowed from ${c}. Threads: pure. */
const struct px_event_type *px_catalog_find(const struct px_catalog *c, struct px_str name);
const struct px_event_type *px_catalog_type(const struct px_catalog *c, size_t i); /* i < count */
size_t px_catalog_count(const struct px_catalog *c);
const struct px_family *px_catalog_family(const struct px_catalog *c, size_t i);
size_t px_catalog_families(const struct px_catalog *c);
/* Names of all types in index order: a label set for metrics. */
const char *const *px_catalog_names(const struct px_catalog *c);

/* px_topic_name(b, prefix, family, dlq): "EVT_EU_ORG_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS" from
 * prefix parts; DLQ_ instead of EVT_ for the dead letters. */
struct px_topic_parts {
    const char *region, *org, *env;
};
void px_topic_name(struct px_buf *b, const struct px_topic_parts *parts, const struct px_family *f,
                   bool dlq);
/* px_erasure_topic_name: "ERS_EU_ORG_DEV_...": the topic that says which players were erased. */
void px_erasure_topic_name(struct px_buf *b, const struct px_topic_parts *parts,
                           const struct px_family *f);

#endif
