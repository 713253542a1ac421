/* Tickets: who holds one may ask how its own request is seen, for five minutes. Nothing is kept of
 * them: a ticket is the second at which it ends and a code that only this process can make. */
#ifndef ING_TICKET_H
#define ING_TICKET_H

#include <px/str.h>

#define ING_TICKET     40  /* bytes of one, with its NUL */
#define ING_TICKET_FOR 300 /* seconds */

/* ing_ticket_make(key, until, out): a ticket until the second ${until}. ing_ticket_ok(key, s, now):
 * made with ${key} and still good at the second ${now}. Threads: pure. */
void ing_ticket_make(const uint64_t key[2], int64_t until, char out[ING_TICKET]);
bool ing_ticket_ok(const uint64_t key[2], struct px_str s, int64_t now);

#endif
