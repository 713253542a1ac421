/* Raw fields -> event: the one judge of what senders say, for pixels and JSON alike.
 * Pure: clock, ids and catalog are arguments. Finds all field errors of an event in one pass;
 * attributes are judged by attribute.c. Must not look at transport, topics or time of day. */
#include "attribute.h"

#include <stdio.h>

#include <px/num.h>
#include <px/traffic.h>

#define SERVER_FIELD_MAX 512

void px_verdict_add(struct px_verdict *v, enum px_reason reason, const char *field) {
    if (v->nissues == PX_MAX_ISSUES) {
        return;
    }
    struct px_issue *i = &v->issues[v->nissues++];
    i->reason = reason;
    snprintf(i->field, sizeof i->field, "%s", field);
}

static const struct px_str junk[] = {
    PX_S_INIT("null"),
    PX_S_INIT("undefined"),
    PX_S_INIT("[object Object]"),
    PX_S_INIT("NaN"),
    PX_S_INIT("00000000-0000-0000-0000-000000000000"),
};

const struct px_str *px_junk_values(size_t *ret_n) {
    *ret_n = PX_ARRAY_LEN(junk);
    return junk;
}

static bool is_junk(struct px_str s) {
    for (size_t i = 0; i < PX_ARRAY_LEN(junk); i++) {
        if (s.n == junk[i].n && px_str_ieq(s, junk[i])) {
            return true;
        }
    }
    return false;
}

bool px_text_fault(struct px_str s, size_t max, enum px_reason *ret_reason) {
    enum px_reason r;
    if (s.n > max) {
        r = PX_REASON_TOO_LONG;
    } else if (s.n && memchr(s.p, '\0', s.n)) {
        r = PX_REASON_NUL_BYTE;
    } else if (!px_utf8_valid(s)) {
        r = PX_REASON_BAD_UTF8;
    } else if (px_str_has_control(s)) {
        r = PX_REASON_CONTROL_CHARACTER;
    } else {
        return false;
    }
    *ret_reason = r;
    return true;
}

bool px_pii_fault(struct px_str s, enum px_reason *ret_reason) {
    if (px_looks_like_email(s)) {
        *ret_reason = PX_REASON_EMAIL_ADDRESS;
        return true;
    }
    if (px_looks_like_card(s)) {
        *ret_reason = PX_REASON_CARD_NUMBER;
        return true;
    }
    return false;
}

static bool id_fault(struct px_str s, enum px_reason *ret_reason) {
    if (s.n == 0) {
        *ret_reason = PX_REASON_EMPTY_VALUE;
        return true;
    }
    if (px_text_fault(s, PX_ID_MAX, ret_reason)) {
        return true;
    }
    if (is_junk(s)) {
        *ret_reason = PX_REASON_JUNK_VALUE;
        return true;
    }
    return false;
}

enum {
    REQUIRED = 1,
    NO_PII = 2
};
static void judge_id(struct px_verdict *v, struct px_str s, const char *field, unsigned rules) {
    enum px_reason reason;
    if (!s.p) {
        if (rules & REQUIRED) {
            px_verdict_add(v, PX_REASON_MISSING_FIELD, field);
        }
        return;
    }
    if (id_fault(s, &reason) || ((rules & NO_PII) && px_pii_fault(s, &reason))) {
        px_verdict_add(v, reason, field);
    }
}

static const struct px_event_type *judge_type(const struct px_catalog *cat, struct px_str name,
                                              struct px_verdict *v) {
    if (!name.p || name.n == 0) {
        px_verdict_add(v, name.p ? PX_REASON_EMPTY_VALUE : PX_REASON_MISSING_FIELD, "eventType");
        return NULL;
    }
    const struct px_event_type *type = px_catalog_find(cat, name);
    if (!type) {
        px_verdict_add(v, PX_REASON_UNKNOWN_TYPE, "eventType");
    }
    return type;
}

/* The sender's time, or 0 when there is none that can be used. */
static px_us judge_time(const struct px_validate_policy *policy, struct px_str s, px_us received_at,
                        struct px_verdict *v) {
    px_us t = 0;
    if (!s.p) {
        return 0;
    }
    if (s.n == 0) {
        px_verdict_add(v, PX_REASON_EMPTY_VALUE, "timestamp");
        return 0;
    }
    if (!px_parse_instant(s, &t)) {
        px_verdict_add(v, PX_REASON_BAD_TIMESTAMP, "timestamp");
        return 0;
    }
    if (t <= 0 || t < received_at - policy->max_age || t > received_at + policy->max_future) {
        v->time_replaced = true;
        return 0;
    }
    return t;
}

/* Bytes of the character at s.p[i] when it is well-formed and no control character; else 0. */
static size_t clean_char(struct px_str s, size_t i) {
    for (size_t n = 1; n <= 4 && n <= s.n - i; n++) {
        struct px_str c = {.p = s.p + i, .n = n};
        if (px_utf8_valid(c)) {
            return px_str_has_control(c) ? 0 : n;
        }
    }
    return 0;
}

/* Nearly all are short and clean: those stay a view. */
static enum px_code clean_agent(struct px_str s, struct px_arena *arena, struct px_str *ret) {
    if (s.n <= PX_USER_AGENT_MAX && px_utf8_valid(s) && !px_str_has_control(s)) {
        *ret = s;
        return PX_OK;
    }
    char *to = px_arena_alloc(arena, PX_USER_AGENT_MAX);
    if (!to) {
        return PX_NOMEM;
    }
    size_t n = 0;
    size_t i = 0;
    while (i < s.n && n < PX_USER_AGENT_MAX) {
        size_t len = clean_char(s, i);
        if (len > PX_USER_AGENT_MAX - n) {
            break;
        }
        if (len == 0) {
            to[n++] = '?';
            i++;
            continue;
        }
        memcpy(to + n, s.p + i, len);
        n += len;
        i += len;
    }
    *ret = (struct px_str){.p = to, .n = n};
    return PX_OK;
}

enum px_code px_validate(const struct px_validate_args *a, const struct px_raw_event *raw,
                         struct px_event *event, struct px_verdict *verdict) {
    struct px_event e = {.id = event->id, .received_at = event->received_at};
    const struct px_event_type *type = judge_type(a->catalog, raw->event_type, verdict);
    judge_id(verdict, raw->player_id, "playerId", REQUIRED);
    judge_id(verdict, raw->banner_tag, "bannerTag", REQUIRED);
    judge_id(verdict, raw->client_event_id, "eventId", NO_PII);
    judge_id(verdict, raw->session_id, "sessionId", NO_PII);
    e.occurred_at = judge_time(a->policy, raw->timestamp, e.received_at, verdict);
    if (type) {
        e.event_type = px_str_c(type->name);
        enum px_code rc = px_attributes_judge(type, raw, a->arena, &e, verdict);
        if (rc) {
            return rc;
        }
    }
    if (verdict->nissues) {
        return PX_INVALID;
    }
    e.player_id = raw->player_id;
    e.banner_tag = raw->banner_tag;
    e.client_event_id = raw->client_event_id;
    e.session_id = raw->session_id;
    e.source_ip = raw->source_ip;
    e.traffic_class = raw->traffic_class;
    e.traffic_reason = raw->traffic_reason;
    e.traceparent = raw->traceparent;
    enum px_code rc = clean_agent(raw->user_agent, a->arena, &e.user_agent);
    if (rc) {
        return rc;
    }
    *event = e;
    return PX_OK;
}

/* --- events read from the log --- */

static bool wrong(struct px_issue *ret, enum px_reason reason, const char *field) {
    ret->reason = reason;
    snprintf(ret->field, sizeof ret->field, "%s", field);
    return false;
}

static bool check_text(struct px_str s, size_t max, bool required, const char *field,
                       struct px_issue *ret_issue) {
    enum px_reason reason;
    if (required && s.n == 0) {
        return wrong(ret_issue, PX_REASON_EMPTY_VALUE, field);
    }
    if (px_text_fault(s, max, &reason)) {
        return wrong(ret_issue, reason, field);
    }
    return true;
}

static bool check_time(px_us t, const char *field, struct px_issue *ret_issue) {
    const px_us last = INT64_C(253402300799999999); /* 9999-12-31T23:59:59.999999Z */
    return t > 0 && t <= last ? true : wrong(ret_issue, PX_REASON_OUT_OF_RANGE, field);
}

bool px_event_check(const struct px_catalog *cat, const struct px_event *e,
                    const struct px_event_type **ret_type, struct px_issue *ret_issue) {
    const struct px_event_type *type = px_catalog_find(cat, e->event_type);
    if (!type) {
        return wrong(ret_issue, PX_REASON_UNKNOWN_TYPE, "event_type");
    }
    if (!check_text(e->player_id, PX_ID_MAX, true, "player_id", ret_issue) ||
        !check_text(e->banner_tag, PX_ID_MAX, true, "banner_tag", ret_issue) ||
        !check_text(e->client_event_id, PX_ID_MAX, false, "client_event_id", ret_issue) ||
        !check_text(e->session_id, PX_ID_MAX, false, "session_id", ret_issue) ||
        !check_text(e->source_ip, SERVER_FIELD_MAX, false, "source_ip", ret_issue) ||
        !check_text(e->user_agent, SERVER_FIELD_MAX, false, "user_agent", ret_issue) ||
        !check_text(e->traffic_class, PX_TRAFFIC_MAX, false, "traffic_class", ret_issue) ||
        !check_text(e->traffic_reason, PX_TRAFFIC_MAX, false, "traffic_reason", ret_issue)) {
        return false;
    }
    if (!check_time(e->received_at, "received_at", ret_issue) ||
        (e->occurred_at && !check_time(e->occurred_at, "occurred_at", ret_issue))) {
        return false;
    }
    *ret_type = type;
    return true;
}
