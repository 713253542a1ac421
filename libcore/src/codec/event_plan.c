/* Another writer's schema -> how its records are read as our events -> the event. Pure. The plan is
 * made once per schema: a row of steps, one per field of the writer; reading a record follows it
 * and never looks at a name. What cannot be read as ours is found when the plan is made, by name.
 */
#include "avro_schema.h"
#include "event_avro_priv.h"

#include <px/mem.h>
#include <px/traffic.h>
#include <px/validate.h>

#include <stddef.h>

/* What kinds of values a field of ours can be read from. */
enum {
    NULLS = 1 << PX_AVRO_NULL,
    TEXTS = 1 << PX_AVRO_STRING | 1 << PX_AVRO_BYTES,
    LONGS = 1 << PX_AVRO_LONG | 1 << PX_AVRO_INT,
    MAPS = 1 << PX_AVRO_MAP,
    VALUES = TEXTS | LONGS | 1 << PX_AVRO_FLOAT | 1 << PX_AVRO_DOUBLE | 1 << PX_AVRO_BOOLEAN,
};

enum read_as {
    AS_ID,
    AS_TEXT,
    AS_CLASS,
    AS_TIME,
    AS_ATTRS,
    AS_NOTHING
};

/* Our schema, schemas/avro/event.avsc, in its order. With NULLS a field has a default. */
static const struct target {
    const char *name;
    enum read_as as;
    unsigned from;
    size_t at;
} targets[] = {
#define AT(member) offsetof(struct px_event, member)
    {"event_id", AS_ID, TEXTS, 0},
    {"client_event_id", AS_TEXT, TEXTS | NULLS, AT(client_event_id)},
    {"event_type", AS_TEXT, TEXTS, AT(event_type)},
    {"player_id", AS_TEXT, TEXTS, AT(player_id)},
    {"banner_tag", AS_TEXT, TEXTS, AT(banner_tag)},
    {"session_id", AS_TEXT, TEXTS | NULLS, AT(session_id)},
    {"occurred_at", AS_TIME, LONGS | NULLS, AT(occurred_at)},
    {"received_at", AS_TIME, LONGS, AT(received_at)},
    {"attributes", AS_ATTRS, MAPS, 0},
    {"source_ip", AS_TEXT, TEXTS | NULLS, AT(source_ip)},
    {"user_agent", AS_TEXT, TEXTS | NULLS, AT(user_agent)},
    {"traffic_class", AS_CLASS, TEXTS | NULLS, 0},
    {"traceparent", AS_TEXT, TEXTS | NULLS, AT(traceparent)},
#undef AT
};
enum {
    NTARGETS = sizeof targets / sizeof targets[0]
};

struct step {
    uint16_t node;
    uint8_t target; /* NTARGETS = past it */
};
struct px_event_plan {
    struct px_avro_schema schema;
    struct step steps[PX_AVRO_KIDS];
    size_t nsteps;
    bool same;
};

/* --- making the plan --------------------------------------------------------------------------
 */

static bool required(const struct target *t) {
    return !(t->from & NULLS) && t->as != AS_ATTRS;
}

/* Kinds that a value of type ${node} may turn out to be, as bits. */
static unsigned kinds_of(const struct px_avro_schema *s, uint16_t node) {
    const struct px_avro_node *t = &s->nodes[node];
    unsigned kinds = t->kind == PX_AVRO_UNION ? 0 : 1U << t->kind;
    for (uint16_t i = 0; t->kind == PX_AVRO_UNION && i < t->n; i++) {
        kinds |= 1U << s->nodes[s->kids[t->first + i].node].kind;
    }
    return kinds;
}

/* Milliseconds would be read as microseconds without a complaint: units must be ours. */
static bool wrong_unit(const struct px_avro_schema *s, uint16_t node) {
    const struct px_avro_node *t = &s->nodes[node];
    if (t->kind == PX_AVRO_UNION) {
        for (uint16_t i = 0; i < t->n; i++) {
            if (wrong_unit(s, s->kids[t->first + i].node)) {
                return true;
            }
        }
        return false;
    }
    return t->logical.n && !px_str_is(t->logical, "timestamp-micros");
}

static const struct px_avro_node *map_of(const struct px_avro_schema *s, uint16_t node) {
    const struct px_avro_node *t = &s->nodes[node];
    for (uint16_t i = 0; t->kind == PX_AVRO_UNION && i < t->n; i++) {
        const struct px_avro_node *b = &s->nodes[s->kids[t->first + i].node];
        if (b->kind == PX_AVRO_MAP) {
            return b;
        }
    }
    return t;
}

static enum px_code fits(const struct px_avro_schema *s, uint16_t node, const struct target *t,
                         struct px_err *reterr) {
    if (!(kinds_of(s, node) & t->from)) {
        return PX_FAIL(reterr, PX_SCHEMA, "field %s: its type cannot be read as ours", t->name);
    }
    if (t->as == AS_TIME && wrong_unit(s, node)) {
        return PX_FAIL(reterr, PX_SCHEMA, "field %s: its times are not timestamp-micros", t->name);
    }
    if (t->as == AS_ATTRS) {
        const struct px_avro_node *map = map_of(s, node);
        if (!(kinds_of(s, s->kids[map->first].node) & VALUES)) {
            return PX_FAIL(reterr, PX_SCHEMA, "field %s: its values cannot be read as ours",
                           t->name);
        }
    }
    return PX_OK;
}

static uint8_t target_of(struct px_str name) {
    uint8_t i = 0;
    while (i < NTARGETS && !px_str_is(name, targets[i].name)) {
        i++;
    }
    return i;
}

static bool is_union(const struct px_avro_schema *s, uint16_t node, size_t n,
                     const enum px_avro_kind *kinds) {
    const struct px_avro_node *t = &s->nodes[node];
    if (t->kind != PX_AVRO_UNION || t->n != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (s->nodes[s->kids[t->first + i].node].kind != kinds[i]) {
            return false;
        }
    }
    return true;
}

/* The very type that our own codec writes for ${t}? */
static bool same_type(const struct px_avro_schema *s, uint16_t node, const struct target *t) {
    static const enum px_avro_kind text[] = {PX_AVRO_NULL, PX_AVRO_STRING},
                                   time[] = {PX_AVRO_NULL, PX_AVRO_LONG},
                                   value[] = {PX_AVRO_STRING, PX_AVRO_LONG, PX_AVRO_DOUBLE,
                                              PX_AVRO_BOOLEAN};
    const struct px_avro_node *type = &s->nodes[node];
    if (t->as == AS_ATTRS) {
        return type->kind == PX_AVRO_MAP && is_union(s, s->kids[type->first].node, 4, value);
    }
    if (t->from & NULLS) {
        return is_union(s, node, 2, t->as == AS_TIME ? time : text);
    }
    return type->kind == (t->as == AS_TIME ? PX_AVRO_LONG : PX_AVRO_STRING);
}

static enum px_code lay_out(struct px_event_plan *p, struct px_err *reterr) {
    const struct px_avro_schema *s = &p->schema;
    const struct px_avro_node *root = &s->nodes[s->root];
    bool have[NTARGETS + 1] = {false};

    if (root->kind != PX_AVRO_RECORD || !px_str_is(root->name, "Event")) {
        return PX_FAIL(reterr, PX_SCHEMA, "it describes %.*s, not the record Event",
                       PX_S_ARG(root->name.n ? root->name : PX_S("something else")));
    }
    p->same = root->n == NTARGETS;
    for (uint16_t i = 0; i < root->n; i++) {
        const struct px_avro_kid *field = &s->kids[root->first + i];
        uint8_t to = target_of(field->name);
        enum px_code rc = to < NTARGETS ? fits(s, field->node, &targets[to], reterr) : PX_OK;
        if (rc) {
            return rc;
        }
        have[to] = true;
        p->same = p->same && to == i && same_type(s, field->node, &targets[to]);
        p->steps[p->nsteps++] = (struct step){.node = field->node, .target = to};
    }
    for (size_t i = 0; i < NTARGETS; i++) {
        if (!have[i] && required(&targets[i])) {
            return PX_FAIL(reterr, PX_SCHEMA, "field %s is missing and has no default",
                           targets[i].name);
        }
    }
    return PX_OK;
}

enum px_code px_event_plan_new(struct px_str schema, struct px_event_plan **ret,
                               struct px_err *reterr) {
    struct px_event_plan *p = px_alloc(sizeof *p);
    if (!p) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for an Avro schema");
    }
    enum px_code rc = px_avro_schema_init(&p->schema, schema, reterr);
    rc = rc ? rc : lay_out(p, reterr);
    if (rc) {
        px_event_plan_free(p);
        return rc;
    }
    *ret = p;
    return PX_OK;
}

void px_event_plan_free(struct px_event_plan *p) {
    if (p) {
        px_avro_schema_fini(&p->schema);
        px_free(p);
    }
}

bool px_event_plan_same(const struct px_event_plan *p) {
    return p->same;
}

/* --- reading by it ----------------------------------------------------------------------------
 */

/* The kind of what comes, which must be one of ${from}. */
static enum px_avro_kind kind_of(struct px_avro_walk *w, uint16_t node, unsigned from,
                                 uint16_t *ret_node) {
    *ret_node = px_avro_branch(w, node);
    enum px_avro_kind kind = w->s->nodes[*ret_node].kind;
    w->in.failed = w->in.failed || !(1U << kind & from);
    return kind;
}

static struct px_str read_text(struct px_avro_walk *w, uint16_t node, unsigned from) {
    enum px_avro_kind kind = kind_of(w, node, from, &node);
    if (kind == PX_AVRO_NULL || w->in.failed) {
        return (struct px_str){.p = NULL, .n = 0};
    }
    return px_event_text(&w->in, px_avro_bytes(&w->in));
}

static px_us read_time(struct px_avro_walk *w, uint16_t node, unsigned from) {
    enum px_avro_kind kind = kind_of(w, node, from, &node);
    return kind == PX_AVRO_NULL || w->in.failed ? 0 : px_avro_long(&w->in);
}

static struct px_attr read_attr(struct px_avro_walk *w, uint16_t node) {
    struct px_attr a = {.name = px_event_text(&w->in, px_avro_bytes(&w->in))};
    enum px_avro_kind kind = kind_of(w, node, VALUES, &node);
    if (w->in.failed) {
        return a;
    }
    if (1U << kind & TEXTS) {
        a.kind = PX_ATTR_TEXT;
        a.text = px_event_text(&w->in, px_avro_bytes(&w->in));
    } else if (1U << kind & LONGS) {
        a.kind = PX_ATTR_INT;
        a.i = px_avro_long(&w->in);
    } else if (kind == PX_AVRO_BOOLEAN) {
        a.kind = PX_ATTR_BOOL;
        a.i = px_avro_bool(&w->in) ? 1 : 0;
    } else {
        a.kind = PX_ATTR_NUMBER;
        a.number = kind == PX_AVRO_FLOAT ? (double)px_avro_float(&w->in) : px_avro_double(&w->in);
    }
    return a;
}

static enum px_code read_attrs(struct px_avro_walk *w, uint16_t node, struct px_arena *arena,
                               struct px_event *e) {
    struct px_attr v[PX_EVENT_MAX_ATTRS];
    size_t n = 0;
    kind_of(w, node, MAPS, &node);
    if (w->in.failed) {
        return PX_OK;
    }
    uint16_t value = w->s->kids[w->s->nodes[node].first].node;
    for (int64_t count = px_avro_long(&w->in); count != 0 && !w->in.failed;
         count = px_avro_long(&w->in)) {
        if (count < 0) {
            int64_t size = px_avro_long(&w->in); /* of the block, which is read anyway */
            w->in.failed |= size < 0 || size > w->in.end - w->in.p || count == INT64_MIN;
            count = count == INT64_MIN ? 0 : -count;
        }
        for (; count > 0 && !w->in.failed; count--) {
            struct px_attr a = read_attr(w, value);
            w->in.failed = w->in.failed || !px_event_attr_put(v, &n, &a);
        }
    }
    return w->in.failed ? PX_OK : px_event_attrs_keep(v, n, arena, e);
}

static enum px_code read_field(struct px_avro_walk *w, const struct step *s, struct px_arena *arena,
                               struct px_event *e) {
    static const struct target nothing = {.as = AS_NOTHING};
    const struct target *t = s->target < NTARGETS ? &targets[s->target] : &nothing;
    char *at = (char *)e + t->at;
    struct px_str text;
    px_us time;

    switch (t->as) {
    case AS_ID:
        text = read_text(w, s->node, t->from);
        w->in.failed = w->in.failed || !px_uuid_parse(text, &e->id);
        return PX_OK;
    case AS_TEXT:
        text = read_text(w, s->node, t->from);
        memcpy(at, &text, sizeof text);
        return PX_OK;
    case AS_CLASS:
        text = read_text(w, s->node, t->from);
        px_traffic_split(text, &e->traffic_class, &e->traffic_reason);
        return PX_OK;
    case AS_TIME:
        time = read_time(w, s->node, t->from);
        memcpy(at, &time, sizeof time);
        return PX_OK;
    case AS_ATTRS:
        return read_attrs(w, s->node, arena, e);
    case AS_NOTHING:
        px_avro_skip(w, s->node);
        break;
    }
    return PX_OK;
}

static enum px_code by_plan(const struct px_event_plan *p, struct px_avro_in *in,
                            struct px_str body, struct px_arena *arena, struct px_event *e) {
    struct px_avro_walk w = px_avro_walk_on(&p->schema, body);
    enum px_code rc = PX_OK;
    for (size_t i = 0; i < p->nsteps && rc == PX_OK && !w.in.failed; i++) {
        rc = read_field(&w, &p->steps[i], arena, e);
    }
    *in = w.in;
    return rc;
}

enum px_code px_event_read(const struct px_event_plan *plan, struct px_str body,
                           struct px_arena *arena, struct px_event *ret, struct px_err *reterr) {
    struct px_event e = {.nattrs = 0};
    struct px_avro_in in = px_avro_on(body);
    enum px_code rc =
        plan && !plan->same ? by_plan(plan, &in, body, arena, &e) : px_event_own(&in, arena, &e);
    if (rc) {
        return PX_FAIL(reterr, rc, "no memory for the attributes of an event");
    }
    if (in.failed || in.p != in.end) {
        return PX_FAIL(reterr, PX_POISON, "does not decode as an event (near byte %zu of %zu)",
                       body.n - (size_t)(in.end - in.p), body.n);
    }
    *ret = e;
    return PX_OK;
}
