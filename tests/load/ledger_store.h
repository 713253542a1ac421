/* What px-ledger keeps in memory: texts once each, items that never move, tables by number keys.
 * Made for millions of rows in one process that ends soon: running out of memory ends it. */
#ifndef LEDGER_STORE_H
#define LEDGER_STORE_H

#include <px/str.h>

/* Items of one size; their addresses stay. */
struct lg_vec {
    char **chunks;
    size_t nchunks, n, size;
};
/* lg_vec_add(v): a zeroed item more. ${v}->size must be set before the first. */
void *lg_vec_add(struct lg_vec *v);
void *lg_vec_at(const struct lg_vec *v, size_t i); /* i < n */
void lg_vec_fini(struct lg_vec *v);

/* Hash to place in some list; who asks compares. */
struct lg_slot {
    uint32_t hash, place; /* place plus one; 0 = empty */
};
struct lg_index {
    struct lg_slot *slots;
    size_t cap, n;
};
#define LG_NOWHERE UINT32_MAX

/* Texts: equal ones have equal numbers; 0 is the empty text. */
struct lg_texts {
    struct lg_vec v; /* struct px_str */
    struct lg_index index;
    char *block; /* the bytes; earlier blocks are in blocks */
    size_t left;
    struct lg_vec blocks;
};
uint32_t lg_text(struct lg_texts *t, struct px_str s);
/* lg_text_find(t, s): LG_NOWHERE when nobody gave it to lg_text. */
uint32_t lg_text_find(const struct lg_texts *t, struct px_str s);
struct px_str lg_text_of(const struct lg_texts *t, uint32_t i);
/* lg_traffic(t, class, reason): both as one text; nothing for an event that nobody classified. */
uint32_t lg_traffic(struct lg_texts *t, struct px_str class, struct px_str reason);
void lg_texts_fini(struct lg_texts *t);

/* A row by up to four numbers, with what is expected there and what was found. */
struct lg_row {
    int64_t key[4];
    int64_t want, got;
    bool seen;
};
struct lg_table {
    struct lg_vec rows;
    struct lg_index index;
};
struct lg_key {
    int64_t v[4];
};
/* lg_row(t, key, ret_new): the row of ${key}, made when it is not there; ${ret_new} may be NULL. */
struct lg_row *lg_row(struct lg_table *t, struct lg_key key, bool *ret_new);
struct lg_row *lg_row_find(const struct lg_table *t, struct lg_key key); /* or NULL */
static inline struct lg_row *lg_row_at(const struct lg_table *t, size_t i) {
    return lg_vec_at(&t->rows, i);
}
void lg_table_fini(struct lg_table *t);

#endif
