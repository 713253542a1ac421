/* The only caller of malloc. A test can make the n-th allocation fail and so walk through every
 * path that runs out of memory. Nothing here aborts: callers report PX_NOMEM. */
#include <px/mem.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Allocations until the one that fails; 0 = none fails. Zero all the time outside tests. */
static _Atomic uint64_t fail_in;

void px_mem_fail_at(uint64_t n) {
    atomic_store_explicit(&fail_in, n, memory_order_relaxed);
}

uint64_t px_mem_fail_left(void) {
    return atomic_load_explicit(&fail_in, memory_order_relaxed);
}

static bool must_fail(void) {
    uint64_t left = atomic_load_explicit(&fail_in, memory_order_relaxed);
    while (left != 0) {
        if (atomic_compare_exchange_weak_explicit(&fail_in, &left, left - 1, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            return left == 1;
        }
    }
    return false;
}

void *px_alloc(size_t n) {
    return px_calloc2(1, n);
}

void *px_calloc2(size_t n, size_t size) {
    if (must_fail() || (size && n > SIZE_MAX / size)) {
        return NULL;
    }
    return n && size ? calloc(n, size) : calloc(1, 1);
}

void *px_realloc(void *p, size_t n) {
    if (must_fail()) {
        return NULL;
    }
    return realloc(p, n ? n : 1);
}

void px_free(void *p) {
    free(p);
}

char *px_strdup_n(const char *p, size_t n) {
    char *copy = n < SIZE_MAX ? px_realloc(NULL, n + 1) : NULL;
    if (!copy) {
        return NULL;
    }
    if (n) {
        memcpy(copy, p, n);
    }
    copy[n] = '\0';
    return copy;
}
