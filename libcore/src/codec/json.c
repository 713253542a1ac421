/* JSON documents: the gate, then cJSON, then one walk that refuses duplicate members and marks the
 * numbers that were written as integers. The only file beside conf that sees cJSON. */
#include <px/json.h>

#include "json_gate.h"

#include <cjson/cJSON.h>

#include <px/map.h>
#include <px/mem.h>

struct px_json {
    cJSON *root;
};

/* cJSON keeps no text of a number; its field `valueint` saturates and is of no use to us, so the
 * walk stores there whether the number was written as an integer. */
enum {
    NOT_INT = 0,
    IS_INT = 1
};

struct walk {
    const char *ints; /* from the gate, in document order */
    size_t nints, numbers;
    const cJSON *twice; /* the member whose name came before */
    struct px_map seen; /* made when the first large object comes: its key costs a system call */
    size_t max_seen;
    bool has_seen, nomem;
};

/* Objects of a few members compare in pairs, larger ones use the map. */
#define FEW 8

static const cJSON *twice_of_few(const cJSON *object) {
    for (const cJSON *m = object->child; m; m = m->next) {
        for (const cJSON *o = object->child; o != m; o = o->next) {
            if (strcmp(o->string, m->string) == 0) {
                return m;
            }
        }
    }
    return NULL;
}

static const cJSON *twice_of_many(struct walk *w, const cJSON *object) {
    if (w->has_seen) {
        px_map_reset(&w->seen);
    } else {
        px_map_init(&w->seen, w->max_seen);
        w->has_seen = true;
    }
    for (const cJSON *m = object->child; m; m = m->next) {
        uint64_t *place = NULL;
        bool fresh = false;
        if (px_map_put(&w->seen, px_str_c(m->string), 0, &place, &fresh)) {
            w->nomem = true;
            return m;
        }
        if (!fresh) {
            return m;
        }
    }
    return NULL;
}

static const cJSON *twice_of(struct walk *w, const cJSON *object) {
    size_t n = 0;
    for (const cJSON *m = object->child; m && n <= FEW; m = m->next) {
        n++;
    }
    return n <= FEW ? twice_of_few(object) : twice_of_many(w, object);
}

/* Document order, which is the order of the gate's notes. Depth is bounded by the gate. */
static bool visit(struct walk *w, cJSON *n) {
    if (cJSON_IsObject(n)) {
        w->twice = twice_of(w, n);
        if (w->twice) {
            return false;
        }
    }
    if (cJSON_IsNumber(n)) {
        px_assert(w->numbers < w->nints);
        n->valueint = w->ints[w->numbers++] ? IS_INT : NOT_INT;
    }
    for (cJSON *c = n->child; c; c = c->next) {
        if (!visit(w, c)) {
            return false;
        }
    }
    return true;
}

/* Members before ${wanted} in document order; true when it was found. */
static bool count_members(const cJSON *n, const cJSON *wanted, size_t *count) {
    for (const cJSON *c = n->child; c; c = c->next) {
        if (c == wanted) {
            return true;
        }
        *count += c->string ? 1 : 0;
        if (count_members(c, wanted, count)) {
            return true;
        }
    }
    return false;
}

static enum px_code refuse_walk(const struct walk *w, const cJSON *root, struct px_str text,
                                struct px_err *reterr) {
    if (w->nomem) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory to look for duplicate members");
    }
    size_t k = 0;
    PX_IGNORE(count_members(root, w->twice, &k)); /* it is in the tree: visit found it there */
    return PX_FAIL(reterr, PX_INVALID, "byte %zu: the member \"%.64s\" comes twice",
                   px_json_gate_member(text, k), w->twice->string);
}

static enum px_code walk(cJSON *root, struct px_str text, struct px_str ints,
                         struct px_err *reterr) {
    struct walk w = {.ints = ints.p, .nints = ints.n, .max_seen = text.n};
    bool good = visit(&w, root);
    if (w.has_seen) {
        px_map_fini(&w.seen);
    }
    return good ? PX_OK : refuse_walk(&w, root, text, reterr);
}

enum px_code px_json_parse(struct px_str text, size_t max, struct px_json **ret,
                           struct px_err *reterr) {
    if (text.n > max) {
        return PX_FAIL(reterr, PX_TOO_LARGE, "%zu bytes of JSON, at most %zu are taken", text.n,
                       max);
    }
    PX_DEFER(px_buf_fini) struct px_buf ints = PX_BUF_INIT(text.n);
    enum px_code rc = px_json_gate(text, &ints, reterr);
    if (rc) {
        return rc;
    }
    struct px_json *j = px_alloc(sizeof *j);
    if (!j) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a JSON document");
    }
    /* The gate has let only well-formed text through: nothing but memory can fail here. */
    j->root = cJSON_ParseWithLengthOpts(text.p, text.n, NULL, false);
    rc = j->root ? walk(j->root, text, px_buf_view(&ints), reterr)
                 : PX_FAIL(reterr, PX_NOMEM, "no memory for a JSON document");
    if (rc) {
        px_json_free(j);
        return rc;
    }
    *ret = j;
    return PX_OK;
}

void px_json_free(struct px_json *j) {
    if (j) {
        cJSON_Delete(j->root);
        px_free(j);
    }
}

/* A node is cJSON's item under another name. */
static const struct px_jnode *node(const cJSON *n) {
    return (const struct px_jnode *)n;
}

static const cJSON *item(const struct px_jnode *n) {
    return (const cJSON *)n;
}

const struct px_jnode *px_json_root(const struct px_json *j) {
    return node(j->root);
}

enum px_json_type px_json_type(const struct px_jnode *n) {
    switch (item(n)->type & 0xff) {
    case cJSON_True:
    case cJSON_False:
        return PX_JSON_BOOL;
    case cJSON_Number:
        return PX_JSON_NUMBER;
    case cJSON_String:
        return PX_JSON_STRING;
    case cJSON_Array:
        return PX_JSON_ARRAY;
    case cJSON_Object:
        return PX_JSON_OBJECT;
    default:
        return PX_JSON_NULL;
    }
}

const struct px_jnode *px_json_get(const struct px_jnode *n, const char *name) {
    return n && cJSON_IsObject(item(n)) ? node(cJSON_GetObjectItemCaseSensitive(item(n), name))
                                        : NULL;
}

const struct px_jnode *px_json_first(const struct px_jnode *n) {
    return n ? node(item(n)->child) : NULL;
}

const struct px_jnode *px_json_next(const struct px_jnode *child) {
    return node(item(child)->next);
}

struct px_str px_json_name(const struct px_jnode *child) {
    return px_str_c(item(child)->string);
}

struct px_str px_json_text(const struct px_jnode *n) {
    return px_str_c(cJSON_IsString(item(n)) ? item(n)->valuestring : NULL);
}

double px_json_double(const struct px_jnode *n) {
    return cJSON_IsNumber(item(n)) ? item(n)->valuedouble : 0.0;
}

bool px_json_int(const struct px_jnode *n, int64_t *ret) {
    if (!cJSON_IsNumber(item(n)) || item(n)->valueint != IS_INT) {
        return false;
    }
    *ret = (int64_t)item(n)->valuedouble; /* exact: the gate keeps integers within +-2^53 */
    return true;
}

bool px_json_bool(const struct px_jnode *n) {
    return cJSON_IsTrue(item(n));
}
