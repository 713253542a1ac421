/* Refused requests: counted by reason and, within a rate, recorded as dead letters. Best effort: a
 * refusal is answered whether or not it could be recorded. */
#include "handle.h"

#include <px/event_avro.h>

#include <string.h>

#define REJECT_EXCERPT_MIN 128
#define REJECT_EXCERPT_MAX 512
/* What stands behind the excerpt is looked at as well: it may be cut inside an address or number.
 */
#define REJECT_BEHIND      64
#define REJECT_ADDRESS_MIN 7 /* 1.2.3.4, fe80::1 */
#define REJECT_LAYERS      2 /* of escapes: gateways write one more around what was escaped */

/* What looks like personal data must not reach the log through the back door: neither what was
 * refused for it, nor what stands in a member nobody looked at. */
static bool reject_is_personal(const struct px_verdict *v, struct px_str payload) {
    for (size_t i = 0; i < v->nissues; i++) {
        enum px_reason why = v->issues[i].reason;
        if (why == PX_REASON_EMAIL_ADDRESS || why == PX_REASON_CARD_NUMBER ||
            strcmp(v->issues[i].field, "ip") == 0) { /* perhaps an address, badly spelt */
            return true;
        }
    }
    return v->nissues == PX_MAX_ISSUES || ing_reject_shows_personal(payload);
}

static bool reject_ends_piece(char c) {
    return strchr("&=?;,:\"{}[]()<>/", c) != NULL;
}

/* What an address is made of, with its port. */
static bool reject_of_address(char c) {
    return px_hex_digit(c) >= 0 || c == '.' || c == ':';
}

/* Four numbers, right or wrong, or IPv6: not three numbers (a version), not a time of day. */
static bool reject_is_address(struct px_str s) {
    struct px_addr a;
    size_t dots = 0;

    for (size_t i = 0; i < s.n; i++) {
        dots += s.p[i] == '.';
    }
    return s.n >= REJECT_ADDRESS_MIN && (dots >= 3 || px_addr_parse(s, &a));
}

static bool reject_shows_address(struct px_str s) {
    for (size_t i = 0; i < s.n; i++) {
        size_t from = i;
        while (i < s.n && reject_of_address(s.p[i])) {
            i++;
        }
        /* "ip":203 and "v4:10" end and begin with what parts them */
        while (from < i && s.p[from] == ':' && (from + 1 == i || s.p[from + 1] != ':')) {
            from++;
        }
        if (i > from && reject_is_address((struct px_str){.p = s.p + from, .n = i - from})) {
            return true;
        }
    }
    return false;
}

static bool reject_shows(struct px_str s) {
    static const char address[] = "\"ip\"";
    size_t from = 0;

    if (px_key_in(s) || reject_shows_address(s) || px_str_find(s, '@') < s.n ||
        (s.n && memmem(s.p, s.n, address, sizeof address - 1))) {
        return true;
    }
    for (size_t i = 0; i <= s.n; i++) {
        if (i == s.n || reject_ends_piece(s.p[i])) {
            if (px_looks_like_card((struct px_str){.p = s.p + from, .n = i - from})) {
                return true;
            }
            from = i + 1;
        }
    }
    return false;
}

/* The byte that ${s} begins with as an escape: %40 of a query, \u0040 of JSON, + for a blank. Bytes
 * it takes, or 0. */
static size_t reject_escape(struct px_str s, char *ret) {
    static const struct px_str json = PX_S_INIT("\\u00"), query = PX_S_INIT("%");
    size_t skip = px_str_starts(s, json) ? json.n : px_str_starts(s, query) ? query.n : 0;
    int high = skip && s.n > skip + 1 ? px_hex_digit(s.p[skip]) : -1;
    int low = high >= 0 ? px_hex_digit(s.p[skip + 1]) : -1;

    *ret = low >= 0 ? (char)(high * 16 + low) : ' ';
    return low >= 0 ? skip + 2 : s.n && s.p[0] == '+';
}

/* ${s} without one layer of escapes, in ${buf}, which ${s} may stand in. */
static struct px_str reject_plain(struct px_str s, char *buf) {
    size_t n = 0;

    for (size_t i = 0; i < s.n; n++) {
        char c = s.p[i], meant;
        size_t took = reject_escape((struct px_str){.p = s.p + i, .n = s.n - i}, &meant);
        buf[n] = took ? meant : c;
        i += took ? took : 1;
    }
    return (struct px_str){.p = buf, .n = n};
}

bool ing_reject_shows_personal(struct px_str s) {
    char buf[REJECT_EXCERPT_MAX + REJECT_BEHIND];

    for (int layer = 0; layer < REJECT_LAYERS; layer++) {
        if (reject_shows(s)) {
            return true;
        }
        s.n = s.n < sizeof buf ? s.n : sizeof buf;
        s = reject_plain(s, buf);
    }
    return reject_shows(s);
}

static const struct ing_topics *reject_topics(const struct ing_worker *w,
                                              const struct px_event_type *type) {
    for (size_t i = 0; type && i < px_catalog_families(w->world->catalog); i++) {
        if (px_catalog_family(w->world->catalog, i) == type->family) {
            return &w->topics[i];
        }
    }
    return &w->topics[0];
}

size_t ing_reject_excerpt(size_t n) {
    size_t tenth = n / 10;

    tenth = tenth < REJECT_EXCERPT_MIN ? REJECT_EXCERPT_MIN : tenth;
    tenth = tenth > REJECT_EXCERPT_MAX ? REJECT_EXCERPT_MAX : tenth;
    return n < tenth ? n : tenth;
}

/* Fields of the envelope share a limit, attributes have their own. */
static int64_t reject_longest(const struct px_event_type *type, struct px_str field) {
    static const struct px_str prefix = PX_S_INIT("attributes.");

    if (!px_str_starts(field, prefix)) {
        return PX_ID_MAX;
    }
    struct px_str name = {.p = field.p + prefix.n, .n = field.n - prefix.n};
    int i = ing_fields_attr(type, name);
    return i < 0 ? 0 : (int64_t)type->fields[i].max_bytes;
}

int64_t ing_reject_limit(const struct px_event_type *type, const struct px_issue *issue) {
    switch ((int)issue->reason) {
    case PX_REASON_TOO_LONG:
        return reject_longest(type, px_str_c(issue->field));
    case PX_REASON_BATCH_SIZE:
        return ING_BATCH_MAX;
    case PX_REASON_QUERY_TOO_LONG:
        return (int64_t)px_http_default_limits.query;
    case PX_REASON_BODY_TOO_LARGE:
        return (int64_t)ING_BODY_MAX;
    default:
        return 0;
    }
}

static struct px_str reject_kept(const struct ing_refused *r) {
    struct px_str kept = {.p = r->payload.p, .n = ing_reject_excerpt(r->payload.n)}, seen = kept;

    seen.n = r->payload.n - kept.n < REJECT_BEHIND ? r->payload.n : kept.n + REJECT_BEHIND;
    kept.n = !r->judged && reject_is_personal(r->v, seen) ? 0 : kept.n;
    return kept;
}

/* The name of what is wrong. Of a member that nobody knows it is the sender's own word. */
static struct px_str reject_field(const struct px_issue *issue) {
    struct px_str field = px_str_c(issue->field);

    return ing_reject_shows_personal(field) ? (struct px_str){.n = 0} : field;
}

static bool reject_send(struct ing_worker *w, const struct ing_refused *r,
                        const struct px_dead_letter *letter) {
    const struct ing_topics *to = reject_topics(w, r->type);

    px_buf_reset(&w->scratch.value);
    px_dead_letter_write(letter, to->ids.dead, &w->scratch.value);
    struct px_record record = {.value = px_buf_view(&w->scratch.value), .tag = ING_TAG_DLQ};
    return px_buf_ok(&w->scratch.value, NULL) == PX_OK &&
           px_producer_send(w->producer, to->dead, &record, NULL) == PX_OK;
}

static bool reject_record(struct ing_worker *w, const struct ing_refused *r) {
    const struct px_issue *first = &r->v->issues[0];
    struct px_str kept = reject_kept(r);
    bool withheld = kept.n < ing_reject_excerpt(r->payload.n);
    int64_t bytes = r->bytes > (int64_t)r->payload.n ? r->bytes : (int64_t)r->payload.n;
    char id[PX_UUID_TEXT];

    px_uuid_fmt(&r->asked.id, id);
    struct px_dead_letter letter = {
        .reason = px_str_c(px_reason_code(first->reason)),
        .field = reject_field(first),
        .detail = withheld ? PX_S("not kept: may be personal data") : PX_S(""),
        .at = px_wall(w->world->clock),
        .service = PX_S("svc-ingest"),
        .version = px_str_c(px_version()),
        .partition = -1,
        .offset = -1,
        .payload = kept,
        .payload_bytes = (int64_t)kept.n < bytes ? bytes : 0,
        .event_type = r->type ? px_str_c(r->type->name) : PX_S(""),
        .received_at = r->asked.received,
        .request_id = {.p = id, .n = sizeof id},
        .source = px_str_c(r->asked.source),
        .broken_limit = r->asked.limit ? r->asked.limit : ing_reject_limit(r->type, first)};
    return reject_send(w, r, &letter);
}

void ing_reject_of(struct ing_worker *w, const struct ing_refused *r) {
    px_assert(r->v->nissues > 0);
    px_count(w->shard, ING_M_REJECTED, r->v->issues[0].reason, 0, 1);
    if (!ing_bucket_take(&w->dlq_bucket, px_mono(w->world->clock))) {
        px_count(w->shard, ING_M_DLQ, ING_DLQ_LEFT_OUT, 0, 1);
    } else if (!reject_record(w, r)) {
        px_count(w->shard, ING_M_DLQ, ING_DLQ_FAILED, 0, 1);
    }
}

void ing_reject(struct ing_worker *w, struct ing_request *rq, const struct px_event_type *type,
                struct px_str payload) {
    (void)ing_request_id(w, rq);
    ing_reject_of(w, &(struct ing_refused){.type = type,
                                           .v = rq->verdict,
                                           .payload = payload,
                                           .bytes = rq->asked.bytes,
                                           .asked = rq->asked});
}
