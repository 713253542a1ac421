/* Bump allocator: one request or one batch lives in an arena and is forgotten by one call.
 * Blocks double, and a reset keeps the newest, which is the largest: after a few rounds of the
 * same size nothing is allocated any more. Under AddressSanitizer, forgotten bytes are poisoned. */
#include <px/arena.h>

#include <px/mem.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define ALIGN       ((size_t)16)
#define FIRST_BLOCK ((size_t)4096)

struct px_arena_block {
    struct px_arena_block *next;
    size_t size; /* bytes behind this header */
};
static_assert(sizeof(struct px_arena_block) % ALIGN == 0, "the bytes behind it stay aligned");

static char *block_bytes(struct px_arena_block *b) {
    return (char *)(b + 1);
}

static void free_blocks(struct px_arena_block *b) {
    while (b) {
        struct px_arena_block *next = b->next;
        px_free(b);
        b = next;
    }
}

void px_arena_init(struct px_arena *a, size_t max) {
    *a = (struct px_arena){.max = max};
}

void px_arena_fini(struct px_arena *a) {
    free_blocks(a->head);
    *a = (struct px_arena){.max = a->max};
}

void px_arena_reset(struct px_arena *a) {
    a->used = 0;
    if (!a->head) {
        return;
    }
    free_blocks(a->head->next);
    a->head->next = NULL;
    a->at = block_bytes(a->head);
    a->end = a->at + a->head->size;
    ASAN_POISON_MEMORY_REGION(a->at, a->head->size);
}

/* A block twice as large as the one before, but no larger than the cap, nor smaller than ${need}.
 */
static bool add_block(struct px_arena *a, size_t need) {
    size_t size = FIRST_BLOCK;
    if (a->head) {
        size = a->head->size > a->max / 2 ? a->head->size : a->head->size * 2;
    }
    if (size < need) {
        size = need;
    }
    struct px_arena_block *b = px_realloc(NULL, sizeof *b + size);
    if (!b) {
        return false;
    }
    b->next = a->head;
    b->size = size;
    a->head = b;
    a->at = block_bytes(b);
    a->end = a->at + size;
    ASAN_POISON_MEMORY_REGION(a->at, size);
    return true;
}

void *px_arena_alloc(struct px_arena *a, size_t n) {
    n = n ? n : 1; /* nothing is a place of its own, too */
    if (n > SIZE_MAX / 4 || n > a->max || a->used > a->max - n) {
        return NULL;
    }
    size_t whole = (n + ALIGN - 1) & ~(ALIGN - 1);
    if (whole > (size_t)(a->end - a->at) && !add_block(a, whole)) {
        return NULL;
    }
    void *p = a->at;
    a->at += whole;
    a->used += whole;
    ASAN_UNPOISON_MEMORY_REGION(p, n);
    return p;
}

void *px_arena_zalloc(struct px_arena *a, size_t n, size_t size) {
    if (size && n > SIZE_MAX / size) {
        return NULL;
    }
    void *p = px_arena_alloc(a, n * size);
    return p ? memset(p, 0, n * size) : NULL;
}

struct px_str px_arena_dup(struct px_arena *a, struct px_str s) {
    char *p = s.n < SIZE_MAX ? px_arena_alloc(a, s.n + 1) : NULL;
    if (!p) {
        return (struct px_str){.p = NULL, .n = 0};
    }
    if (s.n) {
        memcpy(p, s.p, s.n);
    }
    p[s.n] = '\0';
    return (struct px_str){.p = p, .n = s.n};
}
