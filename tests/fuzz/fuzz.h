/* What every fuzz target includes. A target is one function over any bytes that ends the program
 * when a promise does not hold; libFuzzer calls it (make fuzz), and replay.c calls it for every
 * file of tests/fuzz/corpus/<target> (make test). */
#ifndef FUZZ_H
#define FUZZ_H

#include <px/str.h>

/* Of the target. It returns 0; bytes may be any, also none. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of the target, or not there: further inputs that lie elsewhere in the tree, one by one. */
typedef void fuzz_one_fn(const char *name, struct px_str bytes);
__attribute__((weak)) void fuzz_more(fuzz_one_fn *one);

/* A promise. It holds in every build; the message names it. */
#define FUZZ_CHECK(holds)                                                                          \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            fuzz_broken(__FILE__, __LINE__, #holds);                                               \
        }                                                                                          \
    } while (0)
__attribute__((noreturn)) void fuzz_broken(const char *file, int line, const char *what);

/* Whom or what the code is compared with, for the message; may stay NULL. */
extern const char *fuzz_with;

/* fuzz_text(s): a string as an input brings it: bytes up to the next 0xff, taken off ${s}. */
struct px_str fuzz_text(struct px_str *s);

#endif
