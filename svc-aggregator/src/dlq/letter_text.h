/* What an operator is shown of a dead letter: enough to see which field is wrong and how, and no
 * personal data. Values are told by their class (text of so many bytes, int, looks like an e-mail
 * address); only --show-payload prints them. Pure. */
#ifndef AGG_LETTER_TEXT_H
#define AGG_LETTER_TEXT_H

#include "letters.h"

#include <px/buf.h>

struct agg_letter_names {
    const char *topic, *dlq; /* the event topic and its dead-letter topic */
    struct px_str log_id;    /* of the log that is read now              */
};

/* agg_letter_line(l, names, out): one line for --dlq=list, without its end. ${arena}: scratch.
 * agg_letter_json: the same as members of an open object. */
struct px_jsonw;
void agg_letter_line(const struct agg_letter *l, const struct agg_letter_names *names,
                     struct px_arena *arena, struct px_buf *out);
void agg_letter_json(const struct agg_letter *l, struct px_arena *arena, struct px_jsonw *w);

/* agg_letter_show(l, names, payload, arena, out): everything of one letter, a line each; with
 * ${payload} the values and a hex dump of all bytes. */
void agg_letter_show(const struct agg_letter *l, const struct agg_letter_names *names, bool payload,
                     struct px_arena *arena, struct px_buf *out);
/* agg_letter_show_json: the same as members of an open object; bytes in hexadecimal. */
void agg_letter_show_json(const struct agg_letter *l, bool payload, struct px_arena *arena,
                          struct px_jsonw *w);

#endif
