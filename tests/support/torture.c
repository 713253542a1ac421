/* The loop behind torture.h. It sets the one hook in the allocator and looks at what comes back. */
#include "torture.h"

#include <px/mem.h>

#include "unit.h"

#define ROUNDS_MAX 20000u

unsigned torture(torture_fn *fn, void *arg) {
    for (unsigned n = 1; n <= ROUNDS_MAX; n++) {
        px_mem_fail_at(n);
        enum px_code rc = fn(arg);
        bool reached = px_mem_fail_left() == 0;
        px_mem_fail_at(0);
        if (!reached && n == 1) {
            fail_msg("the scenario allocates nothing");
        }
        if (!reached && rc != PX_OK) {
            fail_msg("no allocation failed, but the scenario says %s", px_code_name(rc));
        }
        if (!reached) {
            return n - 1;
        }
        if (rc != PX_NOMEM) {
            fail_msg("allocation %u failed, but the scenario says %s", n, px_code_name(rc));
        }
    }
    fail_msg("still allocating after %u rounds", ROUNDS_MAX);
    return 0;
}
