/* Reading past values by a writer's schema. Pure. Work is bounded by the length of the message and
 * by the depth, whatever schema and bytes ask for. */
#include "avro_schema.h"

/* Beside one part per byte: what takes no bytes, fields of type null. */
#define SPARE_PARTS 4096

struct px_avro_walk px_avro_walk_on(const struct px_avro_schema *s, struct px_str body) {
    return (struct px_avro_walk){.s = s, .in = px_avro_on(body), .left = body.n + SPARE_PARTS};
}

uint16_t px_avro_branch(struct px_avro_walk *w, uint16_t node) {
    const struct px_avro_node *t = &w->s->nodes[node];
    if (t->kind != PX_AVRO_UNION) {
        return node;
    }
    int64_t branch = px_avro_long(&w->in);
    if (w->in.failed || branch < 0 || branch >= t->n) {
        w->in.failed = true;
        return node;
    }
    return w->s->kids[t->first + branch].node;
}

static void skip_bytes(struct px_avro_in *in, int64_t n) {
    if (in->failed || n < 0 || n > in->end - in->p) {
        in->failed = true;
        return;
    }
    in->p += n;
}

float px_avro_float(struct px_avro_in *in) {
    if (in->failed || in->end - in->p < 4) {
        in->failed = true;
        return 0;
    }
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        bits |= (uint32_t)in->p[i] << (8 * i);
    }
    in->p += 4;
    float v;
    static_assert(sizeof v == sizeof bits, "IEEE 754 binary32");
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void skip(struct px_avro_walk *w, uint16_t node, unsigned depth);

/* Blocks with a negative count tell their size: they are jumped over. */
static void skip_blocks(struct px_avro_walk *w, const struct px_avro_node *t, unsigned depth) {
    for (;;) {
        int64_t count = px_avro_long(&w->in);
        if (count == 0 || w->in.failed) {
            return;
        }
        if (count < 0) {
            skip_bytes(&w->in, px_avro_long(&w->in));
        }
        for (; count > 0 && !w->in.failed; count--) {
            if (t->kind == PX_AVRO_MAP) {
                px_avro_bytes(&w->in);
            }
            skip(w, w->s->kids[t->first].node, depth + 1);
        }
    }
}

static void skip_scalar(struct px_avro_in *in, const struct px_avro_node *t) {
    switch (t->kind) {
    case PX_AVRO_BOOLEAN:
        px_avro_bool(in);
        break;
    case PX_AVRO_INT:
    case PX_AVRO_LONG:
        px_avro_long(in);
        break;
    case PX_AVRO_FLOAT:
        skip_bytes(in, 4);
        break;
    case PX_AVRO_DOUBLE:
        skip_bytes(in, 8);
        break;
    case PX_AVRO_BYTES:
    case PX_AVRO_STRING:
        px_avro_bytes(in);
        break;
    case PX_AVRO_FIXED:
        skip_bytes(in, t->size);
        break;
    case PX_AVRO_ENUM: {
        int64_t symbol = px_avro_long(in);
        in->failed |= symbol < 0 || symbol >= t->size;
        break;
    }
    case PX_AVRO_NULL:
    case PX_AVRO_ARRAY:
    case PX_AVRO_MAP:
    case PX_AVRO_UNION:
    case PX_AVRO_RECORD:
        break;
    }
}

static void skip(struct px_avro_walk *w, uint16_t node, unsigned depth) {
    node = px_avro_branch(w, node);
    const struct px_avro_node *t = &w->s->nodes[node];
    if (w->in.failed || w->left == 0 || depth == PX_AVRO_DEPTH) {
        w->in.failed = true;
        return;
    }
    w->left--;
    if (t->kind == PX_AVRO_RECORD) {
        for (uint16_t i = 0; i < t->n && !w->in.failed; i++) {
            skip(w, w->s->kids[t->first + i].node, depth + 1);
        }
    } else if (t->kind == PX_AVRO_ARRAY || t->kind == PX_AVRO_MAP) {
        skip_blocks(w, t, depth);
    } else {
        skip_scalar(&w->in, t);
    }
}

void px_avro_skip(struct px_avro_walk *w, uint16_t node) {
    skip(w, node, 0);
}
