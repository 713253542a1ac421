/* Torture: a scenario is run again and again while its first, second, third ... allocation fails,
 * until it passes without the failure having been reached. Test code only; the product knows no
 * more of it than px_mem_fail_at. */
#ifndef TORTURE_H
#define TORTURE_H

#include <px/err.h>

/* A scenario does one piece of work from nothing to nothing: whatever it makes it frees, also on
 * failure. It returns PX_OK, or the first error it met. It asserts nothing that lack of memory may
 * change, and it behaves the same in every run. */
typedef enum px_code torture_fn(void *arg);

/* torture(fn, arg): every failed allocation must come back as PX_NOMEM, and the run in which none
 * failed as PX_OK; else the running cmocka test fails, naming the allocation. A scenario that never
 * allocates fails too: it would prove nothing. Leaks are found by AddressSanitizer, which is how
 * `make check-torture` builds. Returns how many allocations were made to fail. */
unsigned torture(torture_fn *fn, void *arg);

#endif
