/* The events of a batch, one after another, whatever holds them: an array or lines. */
#ifndef ING_ITEMS_H
#define ING_ITEMS_H

#include "texts.h"

#include <px/json.h>

struct ing_items {
    bool lines;
    const struct px_jnode *next; /* array: the element to come */
    struct px_str rest;          /* lines: what is to come */
    struct px_json *doc;         /* lines: the one in hand; owned */
    struct px_str line;          /* lines: its text */
    struct ing_texts texts;      /* array: of its elements */
    uint32_t given;              /* array: how many there were so far */
};

/* ing_items_array(array, text): views the document of ${array}, which was read from ${text}.
 * ing_items_lines(text): views ${text}; lines end with LF or CRLF, the last one perhaps not, and
 * blank ones are no events. */
struct ing_items ing_items_array(const struct px_jnode *array, struct px_str text);
struct ing_items ing_items_lines(struct px_str text);
void ing_items_fini(struct ing_items *it);

/* ing_items_count(it, max): how many are to come; counts to ${max} and no further. Threads: pure.
 */
size_t ing_items_count(const struct ing_items *it, size_t max);
/* ing_items_next(it, ret, reterr): the next one, valid until the call after. Errors: PX_NOT_FOUND
 * (there is none), PX_INVALID (this line is not JSON; the next ones may be), PX_NOMEM (for this
 * one). Threads: owner. */
PX_MUST_USE enum px_code ing_items_next(struct ing_items *it, const struct px_jnode **ret,
                                        struct px_err *reterr);
/* ing_items_text(it): the bytes of the one given last. Threads: owner. */
struct px_str ing_items_text(struct ing_items *it);

#endif
