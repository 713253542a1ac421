/* The parts of a dead letter one by one, and what of each may be printed: see letter_text.h, which
 * puts them into lines. Pure. */
#ifndef AGG_LETTER_FIELDS_H
#define AGG_LETTER_FIELDS_H

#include "letters.h"

#include <px/buf.h>

#define AGG_LETTER_CLASS 64

struct agg_letter_field {
    const char *name;
    struct px_str attribute; /* the name of an attribute; n = 0 = it is none */
    struct px_str text;      /* its value, when it is one */
    char class[AGG_LETTER_CLASS];
    bool open; /* the value is nobody's data: printed always */
};
typedef void agg_letter_field_fn(void *arg, const struct agg_letter_field *f);

/* agg_letter_each_field(l, arena, fn, arg): every field of the event; false: the bytes are none. */
bool agg_letter_each_field(const struct agg_letter *l, struct px_arena *arena,
                           agg_letter_field_fn *fn, void *arg);
/* agg_letter_word(s, absent): ${s} if it is a word as catalogs and closed sets have them, "?" if it
 * is anything else; ${absent} when it is empty. */
struct px_str agg_letter_word(struct px_str s, struct px_str absent);
/* agg_letter_type(l): the type if it is safe to print, "?" if it is not, "-" when nothing tells it.
 * agg_letter_reason(l): likewise. */
struct px_str agg_letter_type(const struct agg_letter *l);
struct px_str agg_letter_reason(const struct agg_letter *l);
/* agg_letter_class_of(s, out): what kind of value ${s} is. agg_letter_class_of_bytes: of bytes that
 * are no event. */
void agg_letter_class_of(struct px_str s, char out[AGG_LETTER_CLASS]);
void agg_letter_class_of_bytes(const struct agg_letter *l, struct px_buf *out);

#endif
