/* From raw fields to an event: the one path for pixels and JSON. Pure: the clock, ids and the
 * catalog come as arguments. All field errors of an event are found in one pass. */
#ifndef PX_VALIDATE_H
#define PX_VALIDATE_H

#include <px/catalog.h>

enum px_reason {
#define PX_REASON(name, code, http, text) PX_REASON_##name,
#include <px/reason.def>
#undef PX_REASON
};
#define PX_REASON(name, code, http, text) +1
enum {
    PX_REASON_COUNT = 0
#include <px/reason.def>
};
#undef PX_REASON
/* Facts of a reason from reason.def. Threads: pure. */
const char *px_reason_code(enum px_reason r);
const char *px_reason_text(enum px_reason r);
int px_reason_http(enum px_reason r);

/* What a sender said, decoded but not judged. Absent: .p == NULL. Present and empty: .p != NULL, n
 * 0. */
struct px_raw_attr {
    struct px_str name;
    enum px_attr_kind kind; /* pixel parameters are always TEXT */
    struct px_str text;
    int64_t i;
    double number;
};
struct px_raw_event {
    struct px_str event_type, player_id, banner_tag, client_event_id, session_id, timestamp;
    const struct px_raw_attr *attrs;
    size_t nattrs;
    /* From the server, trusted. */
    struct px_str source_ip, user_agent, traffic_class, traffic_reason, traceparent;
};

#define PX_MAX_ISSUES 16
struct px_issue {
    enum px_reason reason;
    char field[64]; /* the sender's name of it: "playerId", "attributes.s" */
};
/* The caller clears a verdict; issues that it found itself (a bad escape) may be in it before
 * px_validate adds its own. */
struct px_verdict {
    struct px_issue issues[PX_MAX_ISSUES]; /* empty when the event was accepted */
    size_t nissues;
    unsigned dropped;   /* attributes outside the allow-list: left out and counted */
    bool time_replaced; /* a timestamp outside the window: received_at is used */
};

struct px_validate_policy {
    px_us max_age;    /* oldest acceptable client time: raw retention   */
    px_us max_future; /* 5 minutes                                      */
};

/* px_verdict_clear(v): nothing is wrong, left out or replaced, whatever ${v} held. */
static inline void px_verdict_clear(struct px_verdict *v) {
    v->nissues = 0;
    v->dropped = 0;
    v->time_replaced = false;
}
/* px_verdict_add(v, reason, field): note one more issue (the first PX_MAX_ISSUES are kept). */
void px_verdict_add(struct px_verdict *v, enum px_reason reason, const char *field);

/* Limits of the envelope, in bytes. */
#define PX_ID_MAX         128
#define PX_USER_AGENT_MAX 256

/* px_validate(args, raw, event, verdict): judge ${raw} by the catalog and, when nothing is wrong,
 * build the event (views into raw's bytes and the arena). event->id and received_at must be set by
 * the caller before the call; the rest is filled here. ${verdict} is added to, never reset: one
 * that holds an issue already makes the event invalid, and the remaining fields are judged all the
 * same. ids and tags: 1 to 128 bytes of valid UTF-8, no control character, not a junk placeholder
 *   (null, undefined, [object Object], NaN, nil UUID: compared without case);
 *   attributes: allow-listed by the type, else dropped and counted; text values are valid UTF-8
 *   without control characters and may be empty unless required; a TEXT value for an int, number or
 *   bool attribute is parsed strictly (pixel parameters are always text); a name that comes twice
 * is refused; personal data: text attributes, session and client ids that look like an e-mail
 * address or a payment card are refused. playerId and bannerTag are not looked at: they are chosen
 * by the operator and may rightly be an address; timestamp: one outside [received_at - max_age,
 * received_at + max_future] is replaced (the event time is then received_at) and noted; one that is
 * no RFC 3339 instant is refused; user_agent is cut to 256 bytes at a character border, invalid
 * bytes and control characters replaced by '?'. Field names in issues are the sender's: eventType,
 * playerId, bannerTag, eventId, sessionId, timestamp, attributes.<name>; at most one issue per
 * field. Returns: PX_OK, PX_INVALID (see the verdict), PX_NOMEM. Threads: pure. Source: S0 5.1, S1
 * rule 1. */
struct px_validate_args {
    const struct px_catalog *catalog;
    const struct px_validate_policy *policy;
    struct px_arena *arena;
};
PX_MUST_USE enum px_code px_validate(const struct px_validate_args *a,
                                     const struct px_raw_event *raw, struct px_event *event,
                                     struct px_verdict *verdict);

/* px_event_check(cat, e, ret_type, ret_issue): is an event read from the log one that this catalog
 * accepts? Known type, ids and tags within the limits above (junk and personal data are not judged
 * again), server fields at most 512 bytes, a class of
 * traffic and its reason 64, times from 1970 to 9999 as SQL stores them. False with
 * the issue otherwise, field named as in the Avro schema. Threads: pure. */
PX_MUST_USE bool px_event_check(const struct px_catalog *cat, const struct px_event *e,
                                const struct px_event_type **ret_type, struct px_issue *ret_issue);

/* px_junk_values(ret_n): the placeholders that are no ids, compared without case. Threads: pure. */
const struct px_str *px_junk_values(size_t *ret_n);

/* px_looks_like_email(s): somewhere in ${s} stands local@domain.tld (also with %40 for the sign).
 * px_looks_like_card(s): somewhere in ${s} stand 13 to 19 digits, the first of them 2 to 6 as on
 * payment cards, with a valid Luhn sum: in one piece, or in groups of four and more digits (the
 * last may be shorter) parted by single blanks or dashes. Digits inside a longer word of letters,
 * digits, dashes and underscores (UUIDs, hashes, prefixed ids) are not looked at, and times in
 * milli- or microseconds begin with 1. Any other bare number that passes is taken for a card.
 * Threads: pure. */
bool px_looks_like_email(struct px_str s);
bool px_looks_like_card(struct px_str s);

#endif
