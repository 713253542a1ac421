/* The text of an Avro schema -> flat tables of types, fields and branches. Pure. Schemas come from
 * a registry that others can write to: everything has a limit, and what is not understood is an
 * error that says what it is. */
#include "avro_schema.h"

#include <px/json.h>

/* Room for every text of a schema once more, with the namespaces put in front of names. */
#define ARENA_MAX ((size_t)PX_AVRO_TEXT_MAX * 8)

struct named {
    struct px_str full;
    uint16_t node;
};
struct parser {
    struct px_avro_schema *s;
    struct named names[PX_AVRO_NAMES];
    size_t nnames;
    struct px_err *reterr;
};

static const char *const kinds[] = {"null",   "boolean", "int",    "long",  "float",
                                    "double", "bytes",   "string", "fixed", "enum",
                                    "array",  "map",     "union",  "record"};
static_assert(PX_ARRAY_LEN(kinds) == PX_AVRO_RECORD + 1, "one name per kind");

static enum px_code parse(struct parser *p, const struct px_jnode *j, struct px_str space,
                          uint16_t *ret_node);

static enum px_code no_memory(const struct parser *p) {
    return PX_FAIL(p->reterr, PX_NOMEM, "no memory for an Avro schema");
}

static enum px_code node_new(struct parser *p, enum px_avro_kind kind, uint16_t *ret_node) {
    struct px_avro_schema *s = p->s;
    if (s->nnodes == PX_AVRO_NODES) {
        return PX_FAIL(p->reterr, PX_SCHEMA, "more than %d types", PX_AVRO_NODES);
    }
    s->nodes[s->nnodes] = (struct px_avro_node){.kind = kind};
    *ret_node = s->nnodes++;
    return PX_OK;
}

/* Room for as many kids as ${list} has elements, in a row. */
static enum px_code kids_new(struct parser *p, uint16_t node, const struct px_jnode *list) {
    struct px_avro_schema *s = p->s;
    size_t n = 0;
    for (const struct px_jnode *j = px_json_first(list); j; j = px_json_next(j)) {
        n++;
    }
    if (n > (size_t)(PX_AVRO_KIDS - s->nkids)) {
        return PX_FAIL(p->reterr, PX_SCHEMA, "more than %d fields and branches", PX_AVRO_KIDS);
    }
    s->nodes[node].first = s->nkids;
    s->nodes[node].n = (uint16_t)n;
    s->nkids = (uint16_t)(s->nkids + n);
    return PX_OK;
}

static bool is_name(struct px_str s) {
    bool start = true;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (start || (c != '.' && (c < '0' || c > '9')))) {
            return false;
        }
        start = c == '.';
    }
    return s.n > 0 && !start;
}

static enum px_code keep(struct parser *p, struct px_str text, struct px_str *ret) {
    *ret = px_arena_dup(&p->s->arena, text);
    return ret->p ? PX_OK : no_memory(p);
}

static struct px_str last_part(struct px_str full) {
    for (size_t i = full.n; i > 0; i--) {
        if (full.p[i - 1] == '.') {
            return (struct px_str){.p = full.p + i, .n = full.n - i};
        }
    }
    return full;
}

static struct px_str space_of(struct px_str full) {
    size_t n = full.n - last_part(full).n;
    return (struct px_str){.p = full.p, .n = n ? n - 1 : 0};
}

/* A name as others refer to it: with dots it is whole, else its namespace comes before it. */
static enum px_code full_name(struct parser *p, struct px_str name, struct px_str space,
                              struct px_str *ret) {
    if (space.n == 0 || px_str_find(name, '.') < name.n) {
        return keep(p, name, ret);
    }
    char *to = px_arena_alloc(&p->s->arena, space.n + 1 + name.n);
    if (!to) {
        return no_memory(p);
    }
    memcpy(to, space.p, space.n);
    to[space.n] = '.';
    memcpy(to + space.n + 1, name.p, name.n);
    *ret = (struct px_str){.p = to, .n = space.n + 1 + name.n};
    return PX_OK;
}

static const struct named *names_find(const struct parser *p, struct px_str full) {
    for (size_t i = 0; i < p->nnames; i++) {
        if (px_str_eq(p->names[i].full, full)) {
            return &p->names[i];
        }
    }
    return NULL;
}

static enum px_code by_word(struct parser *p, struct px_str word, struct px_str space,
                            uint16_t *ret_node) {
    for (size_t i = 0; i <= PX_AVRO_STRING; i++) {
        if (px_str_is(word, kinds[i])) {
            return node_new(p, (enum px_avro_kind)i, ret_node);
        }
    }
    struct px_str full;
    enum px_code rc = full_name(p, word, space, &full);
    if (rc) {
        return rc;
    }
    const struct named *known = names_find(p, full);
    if (!known) {
        return PX_FAIL(p->reterr, PX_SCHEMA, "%.*s is no type", PX_S_ARG(word));
    }
    *ret_node = known->node;
    return PX_OK;
}

/* Branches are told apart by kind, named ones by name, and hold no union themselves. */
static enum px_code by_union(struct parser *p, const struct px_jnode *j, struct px_str space,
                             uint16_t *ret_node) {
    uint16_t node = 0, kid = 0;
    enum px_code rc = node_new(p, PX_AVRO_UNION, &node);
    rc = rc ? rc : kids_new(p, node, j);
    for (const struct px_jnode *b = px_json_first(j); b && rc == PX_OK; b = px_json_next(b)) {
        uint16_t type = 0;
        rc = parse(p, b, space, &type);
        if (rc == PX_OK && p->s->nodes[type].kind == PX_AVRO_UNION) {
            rc = PX_FAIL(p->reterr, PX_SCHEMA, "a union in a union");
        }
        if (rc == PX_OK) {
            p->s->kids[p->s->nodes[node].first + kid++] = (struct px_avro_kid){.node = type};
        }
    }
    *ret_node = node;
    return rc;
}

static enum px_code named_new(struct parser *p, const struct px_jnode *j, struct px_str *space,
                              enum px_avro_kind kind, uint16_t *ret_node) {
    struct px_str name = px_json_text(px_json_get(j, "name")), full;
    struct px_str own = px_json_text(px_json_get(j, "namespace"));
    if (!is_name(name) || (own.n && !is_name(own))) {
        return PX_FAIL(p->reterr, PX_SCHEMA, "%.*s: not a name for a %s", PX_S_ARG(name),
                       kinds[kind]);
    }
    enum px_code rc = full_name(p, name, own.p ? own : *space, &full);
    if (rc) {
        return rc;
    }
    if (names_find(p, full)) {
        return PX_FAIL(p->reterr, PX_SCHEMA, "%.*s is defined twice", PX_S_ARG(full));
    }
    if (p->nnames == PX_AVRO_NAMES) {
        return PX_FAIL(p->reterr, PX_SCHEMA, "more than %d named types", PX_AVRO_NAMES);
    }
    rc = node_new(p, kind, ret_node);
    if (rc == PX_OK) {
        p->s->nodes[*ret_node].name = last_part(full);
        p->names[p->nnames++] = (struct named){.full = full, .node = *ret_node};
        *space = space_of(full);
    }
    return rc;
}

static enum px_code field(struct parser *p, const struct px_jnode *j, struct px_str space,
                          struct px_avro_kid *ret) {
    struct px_str name = px_json_text(px_json_get(j, "name"));
    const struct px_jnode *type = px_json_get(j, "type");
    struct px_avro_kid kid = {.node = 0};
    if (!is_name(name) || !type) {
        return PX_FAIL(p->reterr, PX_SCHEMA, "a field without a name or a type");
    }
    enum px_code rc = keep(p, name, &kid.name);
    rc = rc ? rc : parse(p, type, space, &kid.node);
    if (rc == PX_OK) {
        *ret = kid;
    }
    return rc;
}

static enum px_code by_record(struct parser *p, const struct px_jnode *j, struct px_str space,
                              uint16_t *ret_node) {
    uint16_t node = 0, n = 0;
    const struct px_jnode *fields = px_json_get(j, "fields");
    enum px_code rc = named_new(p, j, &space, PX_AVRO_RECORD, &node);
    if (rc == PX_OK && (!fields || px_json_type(fields) != PX_JSON_ARRAY)) {
        rc = PX_FAIL(p->reterr, PX_SCHEMA, "a record without fields");
    }
    rc = rc ? rc : kids_new(p, node, fields);
    struct px_avro_kid *kids = p->s->kids + p->s->nodes[node].first;
    for (const struct px_jnode *f = px_json_first(fields); f && rc == PX_OK; f = px_json_next(f)) {
        rc = field(p, f, space, &kids[n]);
        for (uint16_t i = 0; i < n && rc == PX_OK; i++) {
            if (px_str_eq(kids[i].name, kids[n].name)) {
                rc = PX_FAIL(p->reterr, PX_SCHEMA, "field %.*s stands twice",
                             PX_S_ARG(kids[n].name));
            }
        }
        n++;
    }
    *ret_node = node;
    return rc;
}

static enum px_code by_enum(struct parser *p, const struct px_jnode *j, struct px_str space,
                            uint16_t *ret_node) {
    int64_t n = 0;
    for (const struct px_jnode *s = px_json_first(px_json_get(j, "symbols")); s;
         s = px_json_next(s)) {
        n++;
    }
    enum px_code rc = named_new(p, j, &space, PX_AVRO_ENUM, ret_node);
    if (rc == PX_OK) {
        p->s->nodes[*ret_node].size = n;
    }
    return rc;
}

static enum px_code by_fixed(struct parser *p, const struct px_jnode *j, struct px_str space,
                             uint16_t *ret_node) {
    int64_t size = -1;
    if (!px_json_int(px_json_get(j, "size"), &size) || size < 0) {
        return PX_FAIL(p->reterr, PX_SCHEMA, "a fixed without a size");
    }
    enum px_code rc = named_new(p, j, &space, PX_AVRO_FIXED, ret_node);
    if (rc == PX_OK) {
        p->s->nodes[*ret_node].size = size;
    }
    return rc;
}

static enum px_code by_container(struct parser *p, const struct px_jnode *of, struct px_str space,
                                 enum px_avro_kind kind, uint16_t *ret_node) {
    uint16_t node = 0, type = 0;
    if (!of) {
        return PX_FAIL(p->reterr, PX_SCHEMA, "%s without %s", kinds[kind],
                       kind == PX_AVRO_MAP ? "values" : "items");
    }
    enum px_code rc = node_new(p, kind, &node);
    if (rc == PX_OK && p->s->nkids == PX_AVRO_KIDS) {
        rc = PX_FAIL(p->reterr, PX_SCHEMA, "more than %d fields and branches", PX_AVRO_KIDS);
    }
    if (rc) {
        return rc;
    }
    p->s->nodes[node].first = p->s->nkids;
    p->s->nodes[node].n = 1;
    uint16_t kid = p->s->nkids++;
    rc = parse(p, of, space, &type);
    p->s->kids[kid] = (struct px_avro_kid){.node = type};
    *ret_node = node;
    return rc;
}

static enum px_code by_object(struct parser *p, const struct px_jnode *j, struct px_str space,
                              uint16_t *ret_node) {
    const struct px_jnode *type = px_json_get(j, "type");
    struct px_str word = px_json_text(type);
    if (px_str_is(word, "record")) {
        return by_record(p, j, space, ret_node);
    }
    if (px_str_is(word, "enum")) {
        return by_enum(p, j, space, ret_node);
    }
    if (px_str_is(word, "fixed")) {
        return by_fixed(p, j, space, ret_node);
    }
    if (px_str_is(word, "array")) {
        return by_container(p, px_json_get(j, "items"), space, PX_AVRO_ARRAY, ret_node);
    }
    if (px_str_is(word, "map")) {
        return by_container(p, px_json_get(j, "values"), space, PX_AVRO_MAP, ret_node);
    }
    if (!type) {
        return PX_FAIL(p->reterr, PX_SCHEMA, "a type that does not say what it is");
    }
    enum px_code rc = parse(p, type, space, ret_node);
    struct px_str logical = px_json_text(px_json_get(j, "logicalType"));
    return rc || !logical.n ? rc : keep(p, logical, &p->s->nodes[*ret_node].logical);
}

/* Depth is bounded by px/json.h. */
static enum px_code parse(struct parser *p, const struct px_jnode *j, struct px_str space,
                          uint16_t *ret_node) {
    switch (px_json_type(j)) {
    case PX_JSON_STRING:
        return by_word(p, px_json_text(j), space, ret_node);
    case PX_JSON_ARRAY:
        return by_union(p, j, space, ret_node);
    case PX_JSON_OBJECT:
        return by_object(p, j, space, ret_node);
    case PX_JSON_NULL:
    case PX_JSON_BOOL:
    case PX_JSON_NUMBER:
        break;
    }
    return PX_FAIL(p->reterr, PX_SCHEMA, "a type is a word, a list or an object");
}

enum px_code px_avro_schema_init(struct px_avro_schema *s, struct px_str text,
                                 struct px_err *reterr) {
    struct parser p = {.s = s, .reterr = reterr};
    struct px_json *doc = NULL;
    struct px_err err = PX_ERR_INIT;

    s->nnodes = s->nkids = 0;
    px_arena_init(&s->arena, ARENA_MAX);
    /* A schema of one word may stand without quotes in a registry; those are no records anyway. */
    enum px_code rc = px_json_parse(text, PX_AVRO_TEXT_MAX, &doc, &err);
    if (rc) {
        return PX_FAIL(reterr, rc == PX_NOMEM ? rc : PX_SCHEMA, "%.200s", err.msg);
    }
    rc = parse(&p, px_json_root(doc), PX_S(""), &s->root);
    px_json_free(doc);
    return rc;
}

void px_avro_schema_fini(struct px_avro_schema *s) {
    px_arena_fini(&s->arena);
}
