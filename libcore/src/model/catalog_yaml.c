/* schemas/events.yaml -> struct px_catalog. libcyaml gives strings by a schema; every string is
 * parsed strictly here and each complaint names its row: types[2] (deposit): attributes[0].max. */
#include "catalog_impl.h"
#include "yaml.h"

#include <stdio.h>

#include <px/num.h>

#define MAX_FAMILIES   16
#define MAX_PARTITIONS 1000
#define MAX_TEXT_BYTES 65536
#define NAME_MAX_BYTES 48 /* "attributes." and a name fit into px_issue.field */

struct y_attr {
    char *name, *kind, *max, *min, *required;
};
struct y_type {
    char *type, *family, *pixel, *dedupe;
    struct y_attr *attributes;
    uint32_t attributes_count;
};
struct y_family {
    char *name, *topic, *partitions;
};
struct y_catalog {
    struct y_family *families;
    uint32_t families_count;
    struct y_type *types;
    uint32_t types_count;
};

static const cyaml_schema_field_t attr_fields[] = {
    PX_YAML_TEXT("name", struct y_attr, name),
    PX_YAML_TEXT("kind", struct y_attr, kind),
    PX_YAML_OPT_TEXT("max", struct y_attr, max),
    PX_YAML_OPT_TEXT("min", struct y_attr, min),
    PX_YAML_OPT_TEXT("required", struct y_attr, required),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t attr_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct y_attr, attr_fields),
};
static const cyaml_schema_field_t type_fields[] = {
    PX_YAML_TEXT("type", struct y_type, type),
    PX_YAML_TEXT("family", struct y_type, family),
    PX_YAML_TEXT("pixel", struct y_type, pixel),
    PX_YAML_TEXT("dedupe", struct y_type, dedupe),
    CYAML_FIELD_SEQUENCE("attributes", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct y_type,
                         attributes, &attr_schema, 0, PX_EVENT_MAX_ATTRS),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t type_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct y_type, type_fields),
};
static const cyaml_schema_field_t family_fields[] = {
    PX_YAML_TEXT("name", struct y_family, name),
    PX_YAML_TEXT("topic", struct y_family, topic),
    PX_YAML_TEXT("partitions", struct y_family, partitions),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t family_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct y_family, family_fields),
};
static const cyaml_schema_field_t catalog_fields[] = {
    CYAML_FIELD_SEQUENCE("families", CYAML_FLAG_POINTER, struct y_catalog, families, &family_schema,
                         1, MAX_FAMILIES),
    CYAML_FIELD_SEQUENCE("types", CYAML_FLAG_POINTER, struct y_catalog, types, &type_schema, 1,
                         PX_CATALOG_MAX_TYPES),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t catalog_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct y_catalog, catalog_fields),
};

/* Where the loader is, for messages. */
struct place {
    const char *file;
    size_t row;
    const char *row_name;
    struct px_err *reterr;
};

static enum px_code bad_family(const struct place *at, const char *why) {
    return PX_FAIL(at->reterr, PX_CONFIG, "%s: families[%zu] (%.48s): %s", at->file, at->row,
                   at->row_name, why);
}

static enum px_code bad_type(const struct place *at, const char *key, const char *value,
                             const char *why) {
    return PX_FAIL(at->reterr, PX_CONFIG, "%s: types[%zu] (%.48s): %s: \"%.40s\" %s", at->file,
                   at->row, at->row_name, key, value, why);
}

static enum px_code bad_attr(const struct place *at, size_t i, const char *key, const char *value,
                             const char *why) {
    char name[40];
    snprintf(name, sizeof name, "attributes[%zu].%s", i, key);
    if (value) {
        return bad_type(at, name, value, why);
    }
    return PX_FAIL(at->reterr, PX_CONFIG, "%s: types[%zu] (%.48s): %s: %s", at->file, at->row,
                   at->row_name, name, why);
}

static enum px_code no_memory(const struct place *at) {
    return PX_FAIL(at->reterr, PX_NOMEM, "%s: no memory", at->file);
}

static bool topic_ok(const char *s) {
    size_t n = strlen(s);
    return n >= 1 && n <= 64 && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == n;
}

static bool attr_name_ok(const char *s) {
    size_t n = strlen(s);
    return n >= 1 && n <= NAME_MAX_BYTES &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == n;
}

/* Names that the envelope already uses in a query or a body. */
static bool is_envelope_name(const char *s) {
    static const char *const names[] = {"playerId",   "bannerTag", "eid",       "eventId",
                                        "dryRun",     "eventType", "sessionId", "timestamp",
                                        "attributes", "k"};
    for (size_t i = 0; i < PX_ARRAY_LEN(names); i++) {
        if (strcmp(s, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static enum px_code load_family(struct px_catalog *c, const struct y_family *y,
                                const struct place *at) {
    int64_t partitions = 0;
    if (!px_yaml_name_ok(y->name, "_-", NAME_MAX_BYTES)) {
        return bad_family(at, "name: must be a lower-case word of letters, digits, _ and -");
    }
    if (!topic_ok(y->topic)) {
        return bad_family(at, "topic: must be upper-case letters, digits, _ and -");
    }
    if (!px_parse_i64(px_str_c(y->partitions), 1, MAX_PARTITIONS, &partitions)) {
        return bad_family(at, "partitions: must be a number from 1 to 1000");
    }
    for (size_t i = 0; i < c->nfamilies; i++) {
        if (strcmp(c->families[i].name, y->name) == 0) {
            return bad_family(at, "name: is used by an earlier family");
        }
        if (strcmp(c->families[i].topic, y->topic) == 0) {
            return bad_family(at, "topic: is used by an earlier family");
        }
    }
    struct px_family f = {
        .name = px_catalog_keep(c, y->name),
        .topic = px_catalog_keep(c, y->topic),
        .partitions = (int)partitions,
    };
    if (!f.name || !f.topic) {
        return no_memory(at);
    }
    c->families[c->nfamilies++] = f;
    return PX_OK;
}

static enum px_code load_families(struct px_catalog *c, const struct y_catalog *y,
                                  struct place *at) {
    c->families = px_arena_zalloc(&c->mem, y->families_count, sizeof *c->families);
    if (!c->families) {
        return no_memory(at);
    }
    for (at->row = 0; at->row < y->families_count; at->row++) {
        at->row_name = y->families[at->row].name;
        enum px_code rc = load_family(c, &y->families[at->row], at);
        if (rc) {
            return rc;
        }
    }
    return PX_OK;
}

/* The limits that belong to the kind, and no others. */
static enum px_code load_limits(struct px_field_rule *f, const struct y_attr *y, size_t i,
                                const struct place *at) {
    int64_t max = 0;
    bool is_int = f->kind == PX_ATTR_INT;
    bool has_max = is_int || f->kind == PX_ATTR_TEXT;
    if (has_max != (y->max != NULL)) {
        return bad_attr(at, i, "max", NULL, has_max ? "is missing" : "does not apply to this kind");
    }
    if (is_int != (y->min != NULL)) {
        return bad_attr(at, i, "min", NULL, is_int ? "is missing" : "does not apply to this kind");
    }
    if (has_max && !px_parse_i64(px_str_c(y->max), -PX_EXACT_INT, PX_EXACT_INT, &max)) {
        return bad_attr(at, i, "max", y->max, "is not a number (or is outside +-2^53)");
    }
    if (f->kind == PX_ATTR_TEXT) {
        if (max < 1 || max > MAX_TEXT_BYTES) {
            return bad_attr(at, i, "max", y->max, "must be from 1 to 65536 bytes");
        }
        f->max_bytes = (size_t)max;
    }
    if (is_int) {
        f->max = max;
        if (!px_parse_i64(px_str_c(y->min), -PX_EXACT_INT, PX_EXACT_INT, &f->min)) {
            return bad_attr(at, i, "min", y->min, "is not a number (or is outside +-2^53)");
        }
        if (f->min > f->max) {
            return bad_attr(at, i, "min", y->min, "is greater than max");
        }
    }
    return PX_OK;
}

static bool parse_kind(const char *s, enum px_attr_kind *ret) {
    static const char *const names[] = {
        [PX_ATTR_TEXT] = "text",
        [PX_ATTR_INT] = "int",
        [PX_ATTR_NUMBER] = "number",
        [PX_ATTR_BOOL] = "bool",
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(names); i++) {
        if (strcmp(s, names[i]) == 0) {
            *ret = (enum px_attr_kind)i;
            return true;
        }
    }
    return false;
}

static enum px_code load_attr(struct px_catalog *c, const struct y_attr *y, size_t i,
                              const struct place *at, struct px_field_rule *ret) {
    struct px_field_rule f = {.name = NULL};
    if (!attr_name_ok(y->name)) {
        return bad_attr(at, i, "name", y->name, "must be 1 to 48 letters, digits, _ and -");
    }
    if (is_envelope_name(y->name)) {
        return bad_attr(at, i, "name", y->name, "is a name of the envelope");
    }
    if (!parse_kind(y->kind, &f.kind)) {
        return bad_attr(at, i, "kind", y->kind, "is none of text, int, number, bool");
    }
    if (y->required && !px_parse_bool(px_str_c(y->required), &f.required)) {
        return bad_attr(at, i, "required", y->required, "is neither true nor false");
    }
    enum px_code rc = load_limits(&f, y, i, at);
    if (rc) {
        return rc;
    }
    f.name = px_catalog_keep(c, y->name);
    if (!f.name) {
        return no_memory(at);
    }
    *ret = f;
    return PX_OK;
}

/* Kept sorted by name while they arrive: there are at most PX_EVENT_MAX_ATTRS. */
static enum px_code load_attrs(struct px_catalog *c, const struct y_type *y, const struct place *at,
                               struct px_event_type *t) {
    struct px_field_rule *v = px_arena_zalloc(&c->mem, y->attributes_count, sizeof *v);
    if (!v) {
        return no_memory(at);
    }
    for (size_t i = 0; i < y->attributes_count; i++) {
        struct px_field_rule f;
        enum px_code rc = load_attr(c, &y->attributes[i], i, at, &f);
        if (rc) {
            return rc;
        }
        size_t to = i;
        while (to > 0 && strcmp(v[to - 1].name, f.name) > 0) {
            v[to] = v[to - 1];
            to--;
        }
        if (to > 0 && strcmp(v[to - 1].name, f.name) == 0) {
            return bad_attr(at, i, "name", f.name, "is listed twice");
        }
        v[to] = f;
    }
    t->fields = v;
    t->nfields = y->attributes_count;
    return PX_OK;
}

static const struct px_family *find_family(const struct px_catalog *c, const char *name) {
    for (size_t i = 0; i < c->nfamilies; i++) {
        if (strcmp(c->families[i].name, name) == 0) {
            return &c->families[i];
        }
    }
    return NULL;
}

static enum px_code load_type(struct px_catalog *c, const struct y_type *y,
                              const struct place *at) {
    struct px_event_type t = {.index = (unsigned)c->ntypes};
    if (!px_yaml_name_ok(y->type, "_-", NAME_MAX_BYTES)) {
        return bad_type(at, "type", y->type,
                        "must be a lower-case word of letters, digits, _ and -");
    }
    if (px_catalog_find(c, px_str_c(y->type))) {
        return bad_type(at, "type", y->type, "is listed twice");
    }
    t.family = find_family(c, y->family);
    if (!t.family) {
        return bad_type(at, "family", y->family, "is not listed under families");
    }
    if (!px_parse_bool(px_str_c(y->pixel), &t.pixel)) {
        return bad_type(at, "pixel", y->pixel, "is neither true nor false");
    }
    if (strcmp(y->dedupe, "day") == 0) {
        t.dedupe = PX_DEDUPE_DAY;
    } else if (strcmp(y->dedupe, "event_id") == 0) {
        t.dedupe = PX_DEDUPE_EVENT_ID;
    } else {
        return bad_type(at, "dedupe", y->dedupe, "is neither day nor event_id");
    }
    enum px_code rc = load_attrs(c, y, at, &t);
    if (rc) {
        return rc;
    }
    uint64_t *place = NULL;
    bool fresh = false;
    t.name = px_catalog_keep(c, y->type);
    if (!t.name || px_map_put(&c->index, px_str_c(t.name), c->ntypes, &place, &fresh)) {
        return no_memory(at);
    }
    c->names[c->ntypes] = t.name;
    c->types[c->ntypes++] = t;
    return PX_OK;
}

static enum px_code load_types(struct px_catalog *c, const struct y_catalog *y, struct place *at) {
    c->types = px_arena_zalloc(&c->mem, y->types_count, sizeof *c->types);
    c->names = px_arena_zalloc(&c->mem, y->types_count, sizeof *c->names);
    if (!c->types || !c->names) {
        return no_memory(at);
    }
    for (at->row = 0; at->row < y->types_count; at->row++) {
        at->row_name = y->types[at->row].type;
        enum px_code rc = load_type(c, &y->types[at->row], at);
        if (rc) {
            return rc;
        }
    }
    return PX_OK;
}

enum px_code px_catalog_load(const char *path, struct px_catalog **ret, struct px_err *reterr) {
    void *data = NULL;
    enum px_code rc = px_yaml_load(path, &catalog_schema, &data, reterr);
    if (rc) {
        return rc;
    }
    struct place at = {.file = px_yaml_base(path), .reterr = reterr};
    struct px_catalog *c = NULL;
    rc = px_catalog_new(&c, reterr);
    if (!rc) {
        rc = load_families(c, data, &at);
    }
    if (!rc) {
        rc = load_types(c, data, &at);
    }
    px_yaml_free(&catalog_schema, data);
    if (rc) {
        px_catalog_free(c);
        return rc;
    }
    *ret = c;
    return PX_OK;
}
