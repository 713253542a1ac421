/* Bump allocator for one request or one batch: everything in it is freed by one call. */
#ifndef PX_ARENA_H
#define PX_ARENA_H

#include <px/str.h>

struct px_arena_block;
struct px_arena {
    struct px_arena_block *head; /* newest first */
    char *at, *end;              /* free room of the newest block */
    size_t used, max;            /* bytes handed out since the reset; hard cap */
};

/* px_arena_init(a, max): at most ${max} bytes between two resets. Nothing is allocated yet. */
void px_arena_init(struct px_arena *a, size_t max);
void px_arena_fini(struct px_arena *a);
/* px_arena_reset(a): forget everything, keep the newest (largest) block for reuse. */
void px_arena_reset(struct px_arena *a);

/* px_arena_alloc(a, n): ${n} uninitialised bytes aligned to 16; NULL over the cap or without
 * memory. px_arena_zalloc: zeroed. px_arena_dup: a copy of ${s} with a NUL behind it (not counted);
 * .p is NULL on failure. */
void *px_arena_alloc(struct px_arena *a, size_t n);
void *px_arena_zalloc(struct px_arena *a, size_t n, size_t size);
struct px_str px_arena_dup(struct px_arena *a, struct px_str s);

#endif
