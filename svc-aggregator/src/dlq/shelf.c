/* Letters by origin, as many as fit; see the header. When it is full, the later half is put back:
 * each letter is moved a few times at most, whatever the order they come in. */
#include "shelf.h"

#include <px/mem.h>

#include <stdlib.h>

void agg_shelf_init(struct agg_shelf *s, size_t max_n, size_t max_bytes) {
    *s = (struct agg_shelf){.max_n = max_n, .max_bytes = max_bytes};
}

static void drop(struct agg_shelf *s, size_t i) {
    union {
        const char *in;
        void *out;
    } p = {.in = s->v[i].bytes.p}; /* it is our own copy */
    s->bytes -= s->v[i].bytes.n;
    px_free(p.out);
}

static void drop_from(struct agg_shelf *s, size_t from) {
    for (size_t i = from; i < s->n; i++) {
        drop(s, i);
    }
    s->n = from;
}

void agg_shelf_fini(struct agg_shelf *s) {
    drop_from(s, 0);
    px_free(s->v);
    *s = (struct agg_shelf){0};
}

int agg_origin_cmp(const struct agg_origin *a, const struct agg_origin *b) {
    int by_log = (a->log > b->log) - (a->log < b->log);
    int by_partition = (a->partition > b->partition) - (a->partition < b->partition);
    int by_offset = (a->offset > b->offset) - (a->offset < b->offset);
    return by_log ? by_log : by_partition ? by_partition : by_offset;
}

static int by_origin(const void *a, const void *b) {
    const struct agg_shelved *x = a;
    const struct agg_shelved *y = b;
    int c = agg_origin_cmp(&x->origin, &y->origin);
    return c ? c : (x->nth > y->nth) - (x->nth < y->nth);
}

/* Sorted, and of equal origins only the first. */
static void tidy(struct agg_shelf *s) {
    size_t kept = 0;
    if (s->n > 0) {
        qsort(s->v, s->n, sizeof *s->v, by_origin);
    }
    for (size_t i = 0; i < s->n; i++) {
        if (kept > 0 && agg_origin_cmp(&s->v[kept - 1].origin, &s->v[i].origin) == 0) {
            s->v[kept - 1].copies += 1 + s->v[i].copies;
            drop(s, i);
            continue;
        }
        s->v[kept++] = s->v[i];
    }
    s->n = kept;
    for (size_t i = 0; i < s->n; i++) {
        s->v[i].nth = 0;
    }
}

static bool is_full(const struct agg_shelf *s) {
    return s->n > s->max_n || s->bytes > s->max_bytes;
}

static void make_room(struct agg_shelf *s) {
    tidy(s);
    if (!is_full(s)) {
        return;
    }
    size_t keep = 0, bytes = 0;
    while (keep < s->n && (keep == 0 || (keep + 1 <= s->max_n / 2 + 1 &&
                                         bytes + s->v[keep].bytes.n <= s->max_bytes / 2))) {
        bytes += s->v[keep++].bytes.n;
    }
    if (keep < s->n) {
        s->before = s->v[keep].origin;
        s->has_before = true;
        drop_from(s, keep);
    }
}

static enum px_code grow(struct agg_shelf *s, struct px_err *reterr) {
    size_t cap = s->cap ? 2 * s->cap : 64;
    struct agg_shelved *v = px_realloc(s->v, cap * sizeof *v);
    if (!v) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %zu dead letters", cap);
    }
    s->v = v;
    s->cap = cap;
    return PX_OK;
}

enum px_code agg_shelf_add(struct agg_shelf *s, struct agg_origin origin, struct px_str bytes,
                           struct px_err *reterr) {
    if ((s->has_after && agg_origin_cmp(&origin, &s->after) <= 0) ||
        (s->has_before && agg_origin_cmp(&origin, &s->before) >= 0)) {
        return PX_OK;
    }
    enum px_code rc = s->n == s->cap ? grow(s, reterr) : PX_OK;
    char *copy = rc == PX_OK ? px_strdup_n(bytes.p, bytes.n) : NULL;
    if (!copy) {
        return rc ? rc : PX_FAIL(reterr, PX_NOMEM, "no memory for a dead letter");
    }
    s->v[s->n] =
        (struct agg_shelved){.origin = origin, .bytes = {.p = copy, .n = bytes.n}, .nth = s->n};
    s->n++;
    s->bytes += bytes.n;
    if (is_full(s)) {
        make_room(s);
    }
    return PX_OK;
}

void agg_shelf_close(struct agg_shelf *s) {
    tidy(s);
    for (size_t i = 0; i < s->n; i++) {
        s->copies += s->v[i].copies;
    }
}

bool agg_shelf_turn(struct agg_shelf *s) {
    bool more = s->has_before && s->n > 0;
    if (more) {
        s->after = s->v[s->n - 1].origin;
        s->has_after = true;
    }
    s->has_before = false;
    drop_from(s, 0);
    return more;
}
