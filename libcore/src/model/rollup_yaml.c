/* schemas/rollups.yaml -> struct px_rollups. As with the catalog: libcyaml gives strings, every one
 * is parsed strictly and cross-checked here, and each complaint names its row. */
#include "rollup_impl.h"
#include "yaml.h"

#include <stdio.h>

#include <px/num.h>

#define NAME_MAX_BYTES 60

struct y_key {
    char *column, *from;
};
struct y_measure {
    char *column, *op, *of, *on, *when;
};
struct y_rollup {
    char *name, *table, *bucket, *last;
    struct y_key *key;
    uint32_t key_count;
    struct y_measure *set;
    uint32_t set_count;
};
struct y_rollups {
    struct y_rollup *rollups;
    uint32_t rollups_count;
};

static const cyaml_schema_field_t key_fields[] = {
    PX_YAML_OPT_TEXT("column", struct y_key, column),
    PX_YAML_TEXT("from", struct y_key, from),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t key_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct y_key, key_fields),
};
static const cyaml_schema_field_t measure_fields[] = {
    PX_YAML_OPT_TEXT("column", struct y_measure, column),
    PX_YAML_TEXT("op", struct y_measure, op),
    PX_YAML_OPT_TEXT("of", struct y_measure, of),
    PX_YAML_OPT_TEXT("on", struct y_measure, on),
    PX_YAML_OPT_TEXT("when", struct y_measure, when),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t measure_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct y_measure, measure_fields),
};
static const cyaml_schema_field_t rollup_fields[] = {
    PX_YAML_TEXT("name", struct y_rollup, name),
    PX_YAML_OPT_TEXT("table", struct y_rollup, table),
    PX_YAML_OPT_TEXT("bucket", struct y_rollup, bucket),
    PX_YAML_OPT_TEXT("last", struct y_rollup, last),
    CYAML_FIELD_SEQUENCE("key", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct y_rollup, key,
                         &key_schema, 0, PX_ROLLUP_MAX_KEYS),
    CYAML_FIELD_SEQUENCE("set", CYAML_FLAG_POINTER, struct y_rollup, set, &measure_schema, 1,
                         PX_ROLLUP_MAX_MEASURES),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t rollup_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct y_rollup, rollup_fields),
};
static const cyaml_schema_field_t rollups_fields[] = {
    CYAML_FIELD_SEQUENCE("rollups", CYAML_FLAG_POINTER, struct y_rollups, rollups, &rollup_schema,
                         1, PX_ROLLUPS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t rollups_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct y_rollups, rollups_fields),
};

/* Where the loader is, for messages. */
struct place {
    const char *file;
    size_t row;
    const char *row_name;
    const struct px_catalog *cat;
    struct px_err *reterr;
};

/* ${list} is "" for a key of the row itself. */
static enum px_code bad(const struct place *at, const char *key, const char *value,
                        const char *why) {
    if (value) {
        return PX_FAIL(at->reterr, PX_CONFIG, "%s: rollups[%zu] (%.60s): %s: \"%.40s\" %s",
                       at->file, at->row, at->row_name, key, value, why);
    }
    return PX_FAIL(at->reterr, PX_CONFIG, "%s: rollups[%zu] (%.60s): %s: %s", at->file, at->row,
                   at->row_name, key, why);
}

static enum px_code bad_item(const struct place *at, const char *list, size_t i, const char *key,
                             const char *value, const char *why) {
    char name[40];
    snprintf(name, sizeof name, "%s[%zu].%s", list, i, key);
    return bad(at, name, value, why);
}

static enum px_code no_memory(const struct place *at) {
    return PX_FAIL(at->reterr, PX_NOMEM, "%s: no memory", at->file);
}

/* Place of ${s} in ${names}, or -1. */
static int index_of(const char *s, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(s, names[i]) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static bool is_column(const char *s) {
    return px_yaml_name_ok(s, "_", NAME_MAX_BYTES);
}

/* --- the key --- */

static const char *const dim_names[] = {
    [PX_DIM_DAY] = "day",
    [PX_DIM_BUCKET] = "bucket",
    [PX_DIM_TYPE] = "event_type",
    [PX_DIM_BANNER] = "banner_tag",
    [PX_DIM_PLAYER] = "player_id",
    [PX_DIM_CLASS] = "traffic_class",
    [PX_DIM_REASON] = "traffic_reason",
};

static enum px_column dim_column(enum px_dim dim) {
    switch (dim) {
    case PX_DIM_DAY:
        return PX_COL_DATE;
    case PX_DIM_BUCKET:
        return PX_COL_TIME;
    case PX_DIM_TYPE:
    case PX_DIM_BANNER:
    case PX_DIM_PLAYER:
    case PX_DIM_CLASS:
    case PX_DIM_REASON:
    case PX_DIM_NAME:
    case PX_DIM_EMPTY:
        break;
    }
    return PX_COL_TEXT;
}

static enum px_code parse_dim(const struct y_rollup *y, size_t i, const struct place *at,
                              enum px_dim *ret) {
    int dim = index_of(y->key[i].from, dim_names, PX_ARRAY_LEN(dim_names));
    if (dim < 0) {
        return bad_item(at, "key", i, "from", y->key[i].from,
                        "is none of day, bucket, event_type, banner_tag, player_id, "
                        "traffic_class, traffic_reason");
    }
    for (size_t j = 0; j < i; j++) {
        if (strcmp(y->key[j].from, y->key[i].from) == 0) {
            return bad_item(at, "key", i, "from", y->key[i].from, "is used twice");
        }
    }
    *ret = (enum px_dim)dim;
    return PX_OK;
}

static enum px_code load_key(struct px_rollups *r, const struct y_rollup *y, const struct place *at,
                             struct px_rollup *to) {
    struct px_rollup_key *v = px_arena_zalloc(&r->mem, PX_ROLLUP_MAX_KEYS, sizeof *v);
    if (!v) {
        return no_memory(at);
    }
    if (y->key_count == 0) {
        return bad(at, "key", NULL, "is missing; a table of its own needs at least one key column");
    }
    for (size_t i = 0; i < y->key_count; i++) {
        enum px_dim dim = PX_DIM_EMPTY;
        enum px_code rc = parse_dim(y, i, at, &dim);
        if (rc) {
            return rc;
        }
        const char *column = y->key[i].column;
        if (!column) {
            return bad_item(at, "key", i, "column", NULL, "is missing");
        }
        if (!is_column(column)) {
            return bad_item(at, "key", i, "column", column, "is no column name (a-z, 0-9, _)");
        }
        v[i] = (struct px_rollup_key){
            .column = px_rollups_keep(r, column), .dim = dim, .type = dim_column(dim)};
        if (!v[i].column) {
            return no_memory(at);
        }
    }
    to->keys = v;
    to->nkeys = y->key_count;
    return PX_OK;
}

/* The generic table: (rollup, bucket_start, dim1, dim2, dim3); unused dimensions are ''. */
static enum px_code load_generic_key(struct px_rollups *r, const struct y_rollup *y,
                                     const struct place *at, struct px_rollup *to) {
    static const struct px_rollup_key head[] = {
        {.column = "rollup", .dim = PX_DIM_NAME, .type = PX_COL_TEXT},
        {.column = "bucket_start", .dim = PX_DIM_BUCKET, .type = PX_COL_TIME},
        {.column = "dim1", .dim = PX_DIM_EMPTY, .type = PX_COL_TEXT},
        {.column = "dim2", .dim = PX_DIM_EMPTY, .type = PX_COL_TEXT},
        {.column = "dim3", .dim = PX_DIM_EMPTY, .type = PX_COL_TEXT},
    };
    struct px_rollup_key *v = px_arena_alloc(&r->mem, sizeof head);
    if (!v) {
        return no_memory(at);
    }
    memcpy(v, head, sizeof head);
    if (y->key_count > 3) {
        return bad(at, "key", NULL, "a row without table has at most three dimensions");
    }
    for (size_t i = 0; i < y->key_count; i++) {
        enum px_code rc = parse_dim(y, i, at, &v[2 + i].dim);
        if (rc) {
            return rc;
        }
        if (v[2 + i].dim == PX_DIM_BUCKET || v[2 + i].dim == PX_DIM_DAY) {
            return bad_item(at, "key", i, "from", y->key[i].from,
                            "is no dimension of a row without table; set bucket instead");
        }
        if (y->key[i].column) {
            return bad_item(at, "key", i, "column", y->key[i].column,
                            "does not apply to a row without table");
        }
    }
    to->keys = v;
    to->nkeys = PX_ARRAY_LEN(head);
    return PX_OK;
}

/* --- the measures --- */

static enum px_code parse_measure(const struct y_measure *y, size_t i, const struct place *at,
                                  struct px_measure *ret) {
    static const char *const ops[] = {
        [PX_OP_ADD] = "add", [PX_OP_MIN] = "min", [PX_OP_MAX] = "max"};
    static const char *const ofs[] = {"one", "time"};
    static const char *const ons[] = {
        [PX_ON_COUNTED] = "counted", [PX_ON_DISTINCT] = "distinct", [PX_ON_ACCEPTED] = "accepted"};
    int op = index_of(y->op, ops, PX_ARRAY_LEN(ops));
    int of = y->of ? index_of(y->of, ofs, PX_ARRAY_LEN(ofs)) : 0;
    int on = y->on ? index_of(y->on, ons, PX_ARRAY_LEN(ons)) : 0;
    if (op < 0) {
        return bad_item(at, "set", i, "op", y->op, "is none of add, min, max");
    }
    if (of < 0) {
        return bad_item(at, "set", i, "of", y->of, "is neither one nor time");
    }
    if (on < 0) {
        return bad_item(at, "set", i, "on", y->on, "is none of counted, distinct, accepted");
    }
    if ((op == PX_OP_ADD) != (of == 0)) {
        return bad_item(at, "set", i, "of", y->of ? y->of : "one",
                        "does not fit the op: add goes with one, min and max go with time");
    }
    ret->op = (enum px_op)op;
    ret->of_time = of == 1;
    ret->on = (enum px_on)on;
    if (y->when) {
        ret->when = px_catalog_find(at->cat, px_str_c(y->when));
        if (!ret->when) {
            return bad_item(at, "set", i, "when", y->when, "is not an event type of the catalog");
        }
    }
    return PX_OK;
}

static bool column_taken(const struct px_rollup *r, const struct px_measure *v, size_t n,
                         const char *column) {
    for (size_t i = 0; i < r->nkeys; i++) {
        if (strcmp(r->keys[i].column, column) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(v[i].column, column) == 0) {
            return true;
        }
    }
    return false;
}

static enum px_code load_measures(struct px_rollups *r, const struct y_rollup *y,
                                  const struct place *at, struct px_rollup *to) {
    struct px_measure *v = px_arena_zalloc(&r->mem, y->set_count, sizeof *v);
    if (!v) {
        return no_memory(at);
    }
    for (size_t i = 0; i < y->set_count; i++) {
        const char *column = y->set[i].column;
        enum px_code rc = parse_measure(&y->set[i], i, at, &v[i]);
        if (rc) {
            return rc;
        }
        if (!column) {
            return bad_item(at, "set", i, "column", NULL, "is missing");
        }
        if (!is_column(column)) {
            return bad_item(at, "set", i, "column", column, "is no column name (a-z, 0-9, _)");
        }
        if (column_taken(to, v, i, column)) {
            return bad_item(at, "set", i, "column", column, "is listed twice");
        }
        v[i].column = px_rollups_keep(r, column);
        if (!v[i].column) {
            return no_memory(at);
        }
    }
    to->measures = v;
    to->nmeasures = y->set_count;
    return PX_OK;
}

static enum px_code load_generic_measure(struct px_rollups *r, const struct y_rollup *y,
                                         const struct place *at, struct px_rollup *to) {
    if (y->set_count != 1) {
        return bad(at, "set", NULL, "a row without table has exactly one measure");
    }
    struct px_measure *m = px_arena_zalloc(&r->mem, 1, sizeof *m);
    if (!m) {
        return no_memory(at);
    }
    enum px_code rc = parse_measure(&y->set[0], 0, at, m);
    if (rc) {
        return rc;
    }
    if (m->op != PX_OP_ADD) {
        return bad_item(at, "set", 0, "op", y->set[0].op,
                        "needs a table of its own; a row without table only adds");
    }
    if (y->set[0].column && strcmp(y->set[0].column, "value") != 0) {
        return bad_item(at, "set", 0, "column", y->set[0].column,
                        "must be value (or left out) in a row without table");
    }
    m->column = "value";
    to->measures = m;
    to->nmeasures = 1;
    return PX_OK;
}

/* --- the row --- */

static bool has_dim(const struct px_rollup *r, enum px_dim dim) {
    for (size_t i = 0; i < r->nkeys; i++) {
        if (r->keys[i].dim == dim) {
            return true;
        }
    }
    return false;
}

/* Rows of all time are mended key by key, and a key is looked up in raw rows as it stands there:
 * where nothing stands for "unclassified" that finds none. */
static bool has_class_of_all_time(const struct px_rollup *r) {
    return (has_dim(r, PX_DIM_CLASS) || has_dim(r, PX_DIM_REASON)) && !has_dim(r, PX_DIM_DAY) &&
           !has_dim(r, PX_DIM_BUCKET);
}

static enum px_code load_bucket(const struct y_rollup *y, const struct place *at,
                                struct px_rollup *to) {
    to->bucket = y->table ? PX_US_PER_MIN : PX_US_PER_DAY;
    if (!y->bucket) {
        return PX_OK;
    }
    if (!px_parse_duration(px_str_c(y->bucket), &to->bucket)) {
        return bad(at, "bucket", y->bucket, "is not a duration such as 10s, 1m, 1h, 1d");
    }
    if (to->bucket < PX_US_PER_S || to->bucket > PX_US_PER_DAY || PX_US_PER_DAY % to->bucket != 0) {
        return bad(at, "bucket", y->bucket, "must be at least 1s and divide a day evenly");
    }
    if (!has_dim(to, PX_DIM_BUCKET)) {
        return bad(at, "bucket", y->bucket, "is set, but no key column is `from: bucket`");
    }
    return PX_OK;
}

/* Tables with a meaning of their own. */
static bool is_reserved_table(const char *s) {
    static const char *const names[] = {PX_GENERIC_TABLE,   "events",     "consumer_offsets",
                                        "partition_ledger", "dedupe_day", "dedupe_event",
                                        "ingest_gaps"};
    return index_of(s, names, PX_ARRAY_LEN(names)) >= 0 || strncmp(s, "px_", 3) == 0;
}

static enum px_code load_table(struct px_rollups *r, const struct y_rollup *y,
                               const struct place *at, struct px_rollup *to) {
    if (!y->table) {
        to->table = PX_GENERIC_TABLE;
        return PX_OK;
    }
    if (!is_column(y->table)) {
        return bad(at, "table", y->table, "is no table name (a-z, 0-9, _)");
    }
    if (is_reserved_table(y->table)) {
        return bad(at, "table", y->table, "is reserved; for the generic table leave it out");
    }
    for (size_t i = 0; i < r->n; i++) {
        if (strcmp(r->v[i].table, y->table) == 0) {
            return bad(at, "table", y->table, "belongs to an earlier row");
        }
    }
    to->table = px_rollups_keep(r, y->table);
    return to->table ? PX_OK : no_memory(at);
}

static enum px_code load_row(struct px_rollups *r, const struct y_rollup *y,
                             const struct place *at) {
    struct px_rollup to = {.name = NULL};
    if (!is_column(y->name)) {
        return bad(at, "name", y->name, "must be a lower-case word of letters, digits and _");
    }
    if (px_rollups_find(r, px_str_c(y->name))) {
        return bad(at, "name", y->name, "is listed twice");
    }
    if (y->last && !px_parse_bool(px_str_c(y->last), &to.last)) {
        return bad(at, "last", y->last, "is neither true nor false");
    }
    to.name = px_rollups_keep(r, y->name);
    enum px_code rc = to.name ? load_table(r, y, at, &to) : no_memory(at);
    if (!rc) {
        rc = y->table ? load_key(r, y, at, &to) : load_generic_key(r, y, at, &to);
    }
    if (!rc) {
        rc = y->table ? load_measures(r, y, at, &to) : load_generic_measure(r, y, at, &to);
    }
    if (!rc) {
        rc = load_bucket(y, at, &to);
    }
    if (!rc && has_class_of_all_time(&to)) {
        rc =
            bad(at, "key", NULL, "with traffic_class or traffic_reason it needs a day or a bucket");
    }
    if (!rc) {
        r->v[r->n++] = to;
    }
    return rc;
}

static enum px_code load_rows(struct px_rollups *r, const struct y_rollups *y, struct place *at) {
    for (at->row = 0; at->row < y->rollups_count; at->row++) {
        at->row_name = y->rollups[at->row].name;
        enum px_code rc = load_row(r, &y->rollups[at->row], at);
        if (rc) {
            return rc;
        }
    }
    return PX_OK;
}

enum px_code px_rollups_load(const char *path, const struct px_catalog *cat,
                             struct px_rollups **ret, struct px_err *reterr) {
    void *data = NULL;
    enum px_code rc = px_yaml_load(path, &rollups_schema, &data, reterr);
    if (rc) {
        return rc;
    }
    struct place at = {.file = px_yaml_base(path), .cat = cat, .reterr = reterr};
    struct px_rollups *r = NULL;
    rc = px_rollups_new(&r, reterr);
    if (!rc) {
        rc = load_rows(r, data, &at);
    }
    px_yaml_free(&rollups_schema, data);
    if (rc) {
        px_rollups_free(r);
        return rc;
    }
    *ret = r;
    return PX_OK;
}
