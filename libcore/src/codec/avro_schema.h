/* A writer's Avro schema as flat tables: what is needed to read past its values, and to see how
 * its fields relate to ours. Parsed once per schema; records are then read without any JSON. */
#ifndef PX_AVRO_SCHEMA_H
#define PX_AVRO_SCHEMA_H

#include <px/arena.h>
#include <px/avro.h>

#define PX_AVRO_TEXT_MAX (64 * 1024) /* of a schema */
#define PX_AVRO_NODES    512         /* types in it, named ones once */
#define PX_AVRO_KIDS     1024        /* fields and branches          */
#define PX_AVRO_NAMES    64          /* records, enums, fixed        */
#define PX_AVRO_DEPTH    32          /* of values: a record may hold itself */

enum px_avro_kind {
    PX_AVRO_NULL,
    PX_AVRO_BOOLEAN,
    PX_AVRO_INT,
    PX_AVRO_LONG,
    PX_AVRO_FLOAT,
    PX_AVRO_DOUBLE,
    PX_AVRO_BYTES,
    PX_AVRO_STRING,
    PX_AVRO_FIXED,
    PX_AVRO_ENUM,
    PX_AVRO_ARRAY,
    PX_AVRO_MAP,
    PX_AVRO_UNION,
    PX_AVRO_RECORD
};

struct px_avro_kid {
    struct px_str name; /* of a field; n = 0 for branches, items and values */
    uint16_t node;
};
struct px_avro_node {
    enum px_avro_kind kind;
    uint16_t first, n;     /* kids: fields, branches, or the one of items and values */
    int64_t size;          /* FIXED: bytes; ENUM: symbols */
    struct px_str name;    /* of a named type, without its namespace */
    struct px_str logical; /* logicalType; n = 0 = none */
};
struct px_avro_schema {
    struct px_arena arena; /* the texts */
    struct px_avro_node nodes[PX_AVRO_NODES];
    struct px_avro_kid kids[PX_AVRO_KIDS];
    uint16_t nnodes, nkids;
    uint16_t root;
};

/* px_avro_schema_init(s, text, reterr): parse ${text} into ${s}, which px_avro_schema_fini frees
 * whether or not that works. Errors: PX_SCHEMA (says what is wrong), PX_NOMEM. Threads: pure.
 * Source: Avro 1.11, "Schema Declaration". */
PX_MUST_USE enum px_code px_avro_schema_init(struct px_avro_schema *s, struct px_str text,
                                             struct px_err *reterr);
void px_avro_schema_fini(struct px_avro_schema *s);

/* Reading by a schema: ${left} parts may still be passed over, so that a few bytes cannot ask for
 * endless work (an array of a billion nulls takes ten). */
struct px_avro_walk {
    const struct px_avro_schema *s;
    struct px_avro_in in;
    size_t left;
};

/* px_avro_walk_on(s, body): ready to read ${body}. px_avro_skip(w, node): past one value of type
 * ${node}. px_avro_branch(w, node): the type of what comes: of a union the branch that is written,
 * else ${node} itself. px_avro_float(in): four bytes. Faults set in.failed. Threads: pure. */
struct px_avro_walk px_avro_walk_on(const struct px_avro_schema *s, struct px_str body);
void px_avro_skip(struct px_avro_walk *w, uint16_t node);
uint16_t px_avro_branch(struct px_avro_walk *w, uint16_t node);
float px_avro_float(struct px_avro_in *in);

#endif
