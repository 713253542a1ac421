/* Violations and what is said about them. */
#ifndef LEDGER_REPORT_H
#define LEDGER_REPORT_H

#include "ledger.h"

/* What a violation is about: any part may be left out (a zeroed struct lg_about says nothing). */
struct lg_about {
    const struct lg_event *event;
    const struct lg_request *request;
    const struct px_uuid *id;
    const struct lg_letter *letter;
};
/* lg_violation(l, class, about, format, ...): count one; the first of a class are kept as
 * witnesses. */
void lg_violation(struct ledger *l, enum lg_class c, struct lg_about about, const char *format, ...)
    PX_PRINTF(4, 5);
/* lg_note(l, format, ...): something the reader must know that is no violation: what could not be
 * compared and why. */
void lg_note(struct ledger *l, const char *format, ...) PX_PRINTF(2, 3);
int64_t lg_violations(const struct ledger *l);
const char *lg_class_name(enum lg_class c);
/* lg_print(l): everything to stdout; the last line is the verdict. */
void lg_print(const struct ledger *l);
/* lg_print_json(l): to conf.json. False: it cannot be written. */
bool lg_print_json(const struct ledger *l);
/* lg_timeline(l, w, out): one line per thing known about a witness, two blanks in front. */
void lg_timeline(const struct ledger *l, const struct lg_witness *w, struct px_buf *out);

#endif
