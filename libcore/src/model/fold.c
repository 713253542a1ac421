/* Classified events -> sorted deltas of one rollup: what one batch adds to one table. Pure but for
 * the random hash key, which no result depends on. Hot path: memory comes from the batch's arena,
 * and sorting is by hand because qsort may allocate. Storing is the SQL layer's. */
#include <px/rollup.h>

/* One fold at work. Deltas grow by doubling; slots are open addressing over them, never more than
 * half full: the upper hash bits beside the place spare most key comparisons. */
struct slot {
    uint32_t hash;
    uint32_t place; /* in deltas, plus one; 0 = empty */
};
struct fold {
    const struct px_rollup *rollup;
    struct px_arena *arena;
    uint64_t k0, k1;
    struct slot *slots;
    size_t mask;
    struct px_delta *v;
    size_t n, cap;
};

static enum px_code no_room(const struct px_arena *a, size_t wanted) {
    return wanted > a->max - a->used ? PX_TOO_LARGE : PX_NOMEM;
}

/* Which measures an event moves; 0 = it makes no row. */
static uint32_t moved_by(const struct px_rollup *r, const struct px_classified *c) {
    bool level[3] = {
        [PX_ON_COUNTED] = c->disposition == PX_COUNTED,
        [PX_ON_DISTINCT] =
            c->disposition == PX_COUNTED || (c->disposition == PX_REPEAT && c->own_new_id),
        [PX_ON_ACCEPTED] = c->disposition == PX_COUNTED || c->disposition == PX_REPEAT ||
                           c->disposition == PX_DUPLICATE,
    };
    uint32_t mask = 0;
    for (size_t i = 0; i < r->nmeasures; i++) {
        const struct px_measure *m = &r->measures[i];
        if (level[m->on] && (!m->when || m->when == c->type)) {
            mask |= UINT32_C(1) << i;
        }
    }
    return mask;
}

static px_us bucket_of(px_us t, px_us bucket) {
    px_us rest = t % bucket;
    return t - (rest < 0 ? rest + bucket : rest);
}

static void key_of(const struct px_rollup *r, const struct px_classified *c,
                   union px_cell key[PX_ROLLUP_MAX_KEYS]) {
    for (size_t i = 0; i < r->nkeys; i++) {
        switch (r->keys[i].dim) {
        case PX_DIM_DAY:
            key[i].i = c->day;
            break;
        case PX_DIM_BUCKET:
            key[i].i = bucket_of(px_event_time(c->event), r->bucket);
            break;
        case PX_DIM_TYPE:
            key[i].s = c->event->event_type;
            break;
        case PX_DIM_BANNER:
            key[i].s = c->event->banner_tag;
            break;
        case PX_DIM_PLAYER:
            key[i].s = c->event->player_id;
            break;
        case PX_DIM_CLASS:
            key[i].s = c->event->traffic_class.n ? c->event->traffic_class : PX_S(PX_TRAFFIC_NONE);
            break;
        case PX_DIM_REASON:
            key[i].s = c->event->traffic_reason.n ? c->event->traffic_reason : PX_S("");
            break;
        case PX_DIM_NAME:
            key[i].s = px_str_c(r->name);
            break;
        case PX_DIM_EMPTY:
            key[i].s = PX_S("");
            break;
        }
    }
}

/* Texts that peers choose are hashed by themselves, everything else is a number already; the
 * numbers are then hashed together. Event types count by their place in the catalog. */
static uint64_t hash_of(const struct fold *f, const struct px_classified *c,
                        const union px_cell *key) {
    uint64_t part[PX_ROLLUP_MAX_KEYS];
    size_t n = 0;
    bool numbers = false;
    for (size_t i = 0; i < f->rollup->nkeys; i++) {
        switch (f->rollup->keys[i].dim) {
        case PX_DIM_DAY:
        case PX_DIM_BUCKET:
            part[n++] = (uint64_t)key[i].i;
            numbers = true;
            break;
        case PX_DIM_TYPE:
            part[n++] = c->type->index;
            numbers = true;
            break;
        case PX_DIM_BANNER:
        case PX_DIM_PLAYER:
        case PX_DIM_CLASS:
        case PX_DIM_REASON:
            part[n++] = px_siphash(f->k0, f->k1, key[i].s);
            break;
        case PX_DIM_NAME:
        case PX_DIM_EMPTY: /* the same for all rows of this rollup */
            break;
        }
    }
    if (n == 1 && !numbers) {
        return part[0];
    }
    return px_siphash(f->k0, f->k1, (struct px_str){.p = (const char *)part, .n = n * 8});
}

static int cell_cmp(enum px_column type, const union px_cell *a, const union px_cell *b) {
    if (type == PX_COL_TEXT) {
        return px_str_cmp(a->s, b->s);
    }
    return (a->i > b->i) - (a->i < b->i);
}

static int key_cmp(const struct px_rollup *r, const union px_cell *a, const union px_cell *b) {
    int c = 0;
    for (size_t i = 0; i < r->nkeys && c == 0; i++) {
        c = cell_cmp(r->keys[i].type, &a[i], &b[i]);
    }
    return c;
}

static enum px_code grow(struct fold *f) {
    size_t cap = f->cap ? f->cap * 2 : 64;
    struct px_delta *v = px_arena_alloc(f->arena, cap * sizeof *v);
    if (!v) {
        return no_room(f->arena, cap * sizeof *v);
    }
    if (f->n) {
        memcpy(v, f->v, f->n * sizeof *v);
    }
    f->v = v;
    f->cap = cap;
    return PX_OK;
}

/* The delta of ${key}; a new one starts with no measure present. */
static enum px_code find(struct fold *f, const union px_cell *key, uint64_t hash,
                         struct px_delta **ret) {
    uint32_t tag = (uint32_t)(hash >> 32);
    size_t i = (size_t)hash & f->mask;
    for (; f->slots[i].place; i = (i + 1) & f->mask) {
        struct px_delta *d = &f->v[f->slots[i].place - 1];
        if (f->slots[i].hash == tag && key_cmp(f->rollup, d->key, key) == 0) {
            *ret = d;
            return PX_OK;
        }
    }
    if (f->n == f->cap) {
        enum px_code rc = grow(f);
        if (rc) {
            return rc;
        }
    }
    struct px_delta *d = &f->v[f->n++];
    memset(d, 0, sizeof *d);
    memcpy(d->key, key, f->rollup->nkeys * sizeof *key);
    f->slots[i] = (struct slot){.hash = tag, .place = (uint32_t)f->n};
    *ret = d;
    return PX_OK;
}

static void move(const struct px_rollup *r, struct px_delta *d, uint32_t moved, px_us time) {
    for (size_t i = 0; i < r->nmeasures; i++) {
        uint32_t bit = UINT32_C(1) << i;
        if (!(moved & bit)) {
            continue;
        }
        int64_t v = r->measures[i].of_time ? time : 1;
        bool first = !(d->present & bit);
        switch (r->measures[i].op) {
        case PX_OP_ADD:
            d->value[i] += v;
            break;
        case PX_OP_MIN:
            d->value[i] = first || v < d->value[i] ? v : d->value[i];
            break;
        case PX_OP_MAX:
            d->value[i] = first || v > d->value[i] ? v : d->value[i];
            break;
        }
        d->present |= bit;
    }
}

/* --- sorting: bottom-up merge sort over places, then one pass that puts the deltas in order --- */

static void merge(const struct fold *f, const uint32_t *from, uint32_t *to, size_t lo, size_t mid,
                  size_t hi) {
    size_t a = lo;
    size_t b = mid;
    for (size_t i = lo; i < hi; i++) {
        bool left =
            a < mid && (b == hi || key_cmp(f->rollup, f->v[from[a]].key, f->v[from[b]].key) <= 0);
        to[i] = left ? from[a++] : from[b++];
    }
}

static enum px_code sort(struct fold *f) {
    size_t n = f->n;
    uint32_t *from = px_arena_alloc(f->arena, 2 * n * sizeof *from);
    struct px_delta *out = px_arena_alloc(f->arena, n * sizeof *out);
    if (!from || !out) {
        return no_room(f->arena, n * (sizeof *out + 2 * sizeof *from));
    }
    uint32_t *to = from + n;
    for (size_t i = 0; i < n; i++) {
        from[i] = (uint32_t)i;
    }
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t lo = 0; lo < n; lo += 2 * width) {
            size_t mid = lo + width < n ? lo + width : n;
            size_t hi = lo + 2 * width < n ? lo + 2 * width : n;
            merge(f, from, to, lo, mid, hi);
        }
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = f->v[from[i]];
    }
    f->v = out;
    return PX_OK;
}

static enum px_code start(struct fold *f, size_t n) {
    size_t slots = 64;
    if (n >= UINT32_MAX / 2) {
        return PX_TOO_LARGE;
    }
    while (slots < 2 * n) {
        slots *= 2;
    }
    f->slots = px_arena_zalloc(f->arena, slots, sizeof *f->slots);
    if (!f->slots) {
        return no_room(f->arena, slots * sizeof *f->slots);
    }
    f->mask = slots - 1;
    px_random(&f->k0, sizeof f->k0);
    px_random(&f->k1, sizeof f->k1);
    return PX_OK;
}

enum px_code px_fold(const struct px_rollup *r, const struct px_classified *events, size_t n,
                     struct px_arena *arena, struct px_deltas *ret) {
    struct fold f = {.rollup = r, .arena = arena};
    enum px_code rc = start(&f, n);
    for (size_t i = 0; i < n && !rc; i++) {
        const struct px_classified *c = &events[i];
        uint32_t moved = moved_by(r, c);
        if (!moved) {
            continue;
        }
        union px_cell key[PX_ROLLUP_MAX_KEYS];
        struct px_delta *d = NULL;
        key_of(r, c, key);
        rc = find(&f, key, hash_of(&f, c, key), &d);
        if (!rc) {
            move(r, d, moved, px_event_time(c->event));
        }
    }
    if (!rc) {
        rc = sort(&f);
    }
    if (!rc) {
        *ret = (struct px_deltas){.rollup = r, .v = f.v, .n = f.n};
    }
    return rc;
}
