/* The bytes of each event of a batch, for the record of a refusal. The parsed document does not
 * know where its values stood; its text is walked once more, and only as far as refusals need. */
#ifndef ING_TEXTS_H
#define ING_TEXTS_H

#include <px/str.h>

struct ing_texts {
    struct px_str rest; /* from the value that is next */
    uint32_t next;      /* its index */
    struct px_str last; /* the value before it */
};

/* ing_texts_of(body): ${body} is a valid document: an array, or an object with an array as its one
 * member. Views ${body}. Threads: pure. */
struct ing_texts ing_texts_of(struct px_str body);
/* ing_texts_at(t, i): the bytes of value ${i}, which must not come before the one asked for last;
 * n = 0 = there is none. Threads: owner. */
struct px_str ing_texts_at(struct ing_texts *t, uint32_t i);

#endif
