/* Checked allocation: the one place that calls malloc, and the hook that torture tests use. */
#ifndef PX_MEM_H
#define PX_MEM_H

#include <px/base.h>

/* All return NULL when memory runs out (or when the torture hook says so). px_free(NULL) is fine.
 * px_alloc and px_calloc2 give zeroed memory; px_calloc2 checks n * size. Threads: any. */
void *px_alloc(size_t n);
void *px_calloc2(size_t n, size_t size);
void *px_realloc(void *p, size_t n);
void px_free(void *p);
char *px_strdup_n(const char *p, size_t n); /* NUL-terminated copy */

/* px_mem_fail_at(n): make the n-th allocation from now fail once (tests only; 0 = never). */
void px_mem_fail_at(uint64_t n);

/* px_mem_fail_left(): allocations left until that failure; 0 = it has happened, or none is set. */
uint64_t px_mem_fail_left(void);

/* PX_TAKE(p): hand ownership out of a variable: evaluates to p and sets p to NULL. */
#define PX_TAKE(p) px_take_((void **)(void *)&(p))
static inline void *px_take_(void **p) {
    void *v = *p;
    *p = NULL;
    return v;
}

#endif
