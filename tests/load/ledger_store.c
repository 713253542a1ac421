/* Memory of px-ledger: see ledger_store.h. Hashes have a fixed key: nobody attacks a checker that
 * reads what its owner has stored. */
#include "ledger_store.h"

#include <px/buf.h>
#include <px/hash.h>
#include <px/mem.h>
#include <px/traffic.h>

#define CHUNK 4096
#define BLOCK ((size_t)1 << 20)

void *lg_vec_add(struct lg_vec *v) {
    px_assert(v->size > 0);
    if (v->n == v->nchunks * CHUNK) {
        v->chunks = px_realloc(v->chunks, (v->nchunks + 1) * sizeof *v->chunks);
        px_assert(v->chunks);
        v->chunks[v->nchunks] = px_calloc2(CHUNK, v->size);
        px_assert(v->chunks[v->nchunks]);
        v->nchunks++;
    }
    v->n++;
    return lg_vec_at(v, v->n - 1);
}

void *lg_vec_at(const struct lg_vec *v, size_t i) {
    px_assert(i < v->n);
    return v->chunks[i / CHUNK] + i % CHUNK * v->size;
}

void lg_vec_fini(struct lg_vec *v) {
    for (size_t i = 0; i < v->nchunks; i++) {
        px_free(v->chunks[i]);
    }
    px_free(v->chunks);
    *v = (struct lg_vec){.size = v->size};
}

/* --- index ------------------------------------------------------------------------------------ */

static void index_put(struct lg_index *x, struct lg_slot s) {
    size_t i = s.hash & (x->cap - 1);
    while (x->slots[i].place) {
        i = (i + 1) & (x->cap - 1);
    }
    x->slots[i] = s;
}

static void index_grow(struct lg_index *x) {
    struct lg_index to = {.cap = x->cap ? x->cap * 2 : 1024, .n = x->n};
    to.slots = px_calloc2(to.cap, sizeof *to.slots);
    px_assert(to.slots);
    for (size_t i = 0; i < x->cap; i++) {
        if (x->slots[i].place) {
            index_put(&to, x->slots[i]);
        }
    }
    px_free(x->slots);
    *x = to;
}

static void index_add(struct lg_index *x, uint32_t hash, size_t place) {
    px_assert(place < UINT32_MAX);
    if (x->n >= x->cap / 2) {
        index_grow(x);
    }
    x->n++;
    index_put(x, (struct lg_slot){.hash = hash, .place = (uint32_t)place + 1});
}

static uint32_t hash_of(const void *p, size_t n) {
    return (uint32_t)px_siphash(1, 2, (struct px_str){.p = p, .n = n});
}

/* --- texts ------------------------------------------------------------------------------------ */

static uint32_t text_look(const struct lg_texts *t, struct px_str s, uint32_t hash) {
    for (size_t i = hash & (t->index.cap - 1); t->index.cap && t->index.slots[i].place;
         i = (i + 1) & (t->index.cap - 1)) {
        const struct lg_slot *at = &t->index.slots[i];
        if (at->hash == hash && px_str_eq(lg_text_of(t, at->place), s)) {
            return at->place;
        }
    }
    return LG_NOWHERE;
}

static const char *text_keep(struct lg_texts *t, struct px_str s) {
    if (s.n > t->left) {
        t->left = s.n > BLOCK ? s.n : BLOCK;
        t->block = px_alloc(t->left);
        px_assert(t->block);
        t->blocks.size = sizeof(char *);
        *(char **)lg_vec_add(&t->blocks) = t->block;
    }
    char *at = t->block;
    memcpy(at, s.p, s.n);
    t->block += s.n;
    t->left -= s.n;
    return at;
}

uint32_t lg_text_find(const struct lg_texts *t, struct px_str s) {
    return s.n == 0 ? 0 : text_look(t, s, hash_of(s.p, s.n));
}

uint32_t lg_text(struct lg_texts *t, struct px_str s) {
    if (s.n == 0) {
        return 0;
    }
    uint32_t hash = hash_of(s.p, s.n);
    uint32_t at = text_look(t, s, hash);
    if (at != LG_NOWHERE) {
        return at;
    }
    t->v.size = sizeof(struct px_str);
    struct px_str *to = lg_vec_add(&t->v);
    *to = (struct px_str){.p = text_keep(t, s), .n = s.n};
    index_add(&t->index, hash, t->v.n - 1);
    return (uint32_t)t->v.n;
}

struct px_str lg_text_of(const struct lg_texts *t, uint32_t i) {
    return i == 0 ? PX_S("") : *(struct px_str *)lg_vec_at(&t->v, i - 1);
}

uint32_t lg_traffic(struct lg_texts *t, struct px_str class, struct px_str reason) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(4096);
    px_buf_str(&b, class);
    if (reason.n) {
        px_buf_byte(&b, '/');
        px_buf_str(&b, reason);
    }
    px_assert(!b.failed);
    return px_str_is(class, PX_TRAFFIC_NONE) ? 0 : lg_text(t, px_buf_view(&b));
}

void lg_texts_fini(struct lg_texts *t) {
    for (size_t i = 0; i < t->blocks.n; i++) {
        px_free(*(char **)lg_vec_at(&t->blocks, i));
    }
    lg_vec_fini(&t->blocks);
    lg_vec_fini(&t->v);
    px_free(t->index.slots);
    *t = (struct lg_texts){0};
}

/* --- tables ----------------------------------------------------------------------------------- */

static struct lg_row *row_look(const struct lg_table *t, const struct lg_key *key, uint32_t hash) {
    for (size_t i = hash & (t->index.cap - 1); t->index.cap && t->index.slots[i].place;
         i = (i + 1) & (t->index.cap - 1)) {
        if (t->index.slots[i].hash == hash) {
            struct lg_row *row = lg_row_at(t, t->index.slots[i].place - 1);
            if (memcmp(row->key, key->v, sizeof row->key) == 0) {
                return row;
            }
        }
    }
    return NULL;
}

struct lg_row *lg_row_find(const struct lg_table *t, struct lg_key key) {
    return row_look(t, &key, hash_of(&key, sizeof key));
}

struct lg_row *lg_row(struct lg_table *t, struct lg_key key, bool *ret_new) {
    uint32_t hash = hash_of(&key, sizeof key);
    struct lg_row *row = row_look(t, &key, hash);
    if (ret_new) {
        *ret_new = !row;
    }
    if (!row) {
        t->rows.size = sizeof *row;
        row = lg_vec_add(&t->rows);
        memcpy(row->key, key.v, sizeof row->key);
        index_add(&t->index, hash, t->rows.n - 1);
    }
    return row;
}

void lg_table_fini(struct lg_table *t) {
    lg_vec_fini(&t->rows);
    px_free(t->index.slots);
    *t = (struct lg_table){0};
}
