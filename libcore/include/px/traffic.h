/* The classes of traffic (traffic.def). An event carries its class as text, because the log may
 * hold what other writers call theirs; this says what the words of our own mean. Pure. */
#ifndef PX_TRAFFIC_H
#define PX_TRAFFIC_H

#include <px/str.h>

enum px_traffic {
#define PX_TRAFFIC(name, word, person, text) PX_TRAFFIC_##name,
#include <px/traffic.def>
#undef PX_TRAFFIC
};
#define PX_TRAFFIC(name, word, person, text) +1
enum {
    PX_TRAFFIC_COUNT = 0
#include <px/traffic.def>
};
#undef PX_TRAFFIC

/* What sums say of an event that nobody classified: it was stored by a release that did not, or by
 * another writer. */
#define PX_TRAFFIC_NONE "unclassified"

/* Bytes of a class and of a reason, in the log and in SQL. */
#define PX_TRAFFIC_MAX 64

/* Its word, and what it says of an event, from traffic.def. Threads: pure. */
const char *px_traffic_word(enum px_traffic t);
const char *px_traffic_text(enum px_traffic t);
/* px_traffic_is_person(word): does traffic=human count it? Unclassified events are counted, too:
 * nothing is known against them. A word that is none of ours is not. */
bool px_traffic_is_person(struct px_str word);

/* px_traffic_split(both, ret_class, ret_reason): "bot/ua:curl" -> "bot", "ua:curl": the log has
 * one field for both, so that its schema is the one that every release reads. */
void px_traffic_split(struct px_str both, struct px_str *ret_class, struct px_str *ret_reason);

#endif
