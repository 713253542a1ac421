/* Attributes of one event against the allow-list of its type: kinds, limits, personal data.
 * Pure. Unlisted names are dropped and counted, never judged, so that they cannot fail an event. */
#include "attribute.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <px/num.h>

static const struct px_field_rule *find_rule(const struct px_event_type *type, struct px_str name) {
    size_t lo = 0;
    size_t hi = type->nfields;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = px_str_cmp(name, px_str_c(type->fields[mid].name));
        if (c == 0) {
            return &type->fields[mid];
        }
        if (c < 0) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return NULL;
}

static size_t skip_digits(struct px_str s, size_t i) {
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9') {
        i++;
    }
    return i;
}

/* JSON's grammar for numbers, so that both ways of sending one agree. */
static bool is_number_text(struct px_str s) {
    size_t i = s.n && s.p[0] == '-' ? 1 : 0;
    size_t digits = i;
    i = skip_digits(s, i);
    if (i == digits || (s.p[digits] == '0' && i - digits > 1)) {
        return false;
    }
    if (i < s.n && s.p[i] == '.') {
        size_t fraction = ++i;
        i = skip_digits(s, i);
        if (i == fraction) {
            return false;
        }
    }
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        i += i < s.n && (s.p[i] == '+' || s.p[i] == '-');
        size_t exponent = i;
        i = skip_digits(s, i);
        if (i == exponent) {
            return false;
        }
    }
    return i == s.n;
}

/* Each kind: true and *ret filled, or false and the reason. */
static bool as_text(const struct px_field_rule *f, const struct px_raw_attr *raw,
                    struct px_attr *ret, enum px_reason *ret_reason) {
    if (raw->kind != PX_ATTR_TEXT) {
        *ret_reason = PX_REASON_BAD_TYPE;
        return false;
    }
    if (raw->text.n == 0 && f->required) {
        *ret_reason = PX_REASON_EMPTY_VALUE;
        return false;
    }
    if (px_text_fault(raw->text, f->max_bytes, ret_reason) || px_pii_fault(raw->text, ret_reason)) {
        return false;
    }
    ret->text = raw->text;
    return true;
}

static bool as_int(const struct px_field_rule *f, const struct px_raw_attr *raw,
                   struct px_attr *ret, enum px_reason *ret_reason) {
    int64_t v = raw->i;
    bool number = raw->kind == PX_ATTR_INT;
    if (raw->kind == PX_ATTR_TEXT) {
        number = px_parse_i64(raw->text, INT64_MIN, INT64_MAX, &v);
    }
    if (!number) {
        *ret_reason = PX_REASON_BAD_TYPE;
        return false;
    }
    if (v < f->min || v > f->max) {
        *ret_reason = PX_REASON_OUT_OF_RANGE;
        return false;
    }
    ret->i = v;
    return true;
}

static bool as_number(const struct px_raw_attr *raw, struct px_attr *ret,
                      enum px_reason *ret_reason) {
    const double limit = (double)PX_EXACT_INT;
    double v = raw->number;
    char text[64];
    if (raw->kind == PX_ATTR_INT) {
        v = (double)raw->i;
    } else if (raw->kind == PX_ATTR_TEXT && is_number_text(raw->text) &&
               px_str_copy(raw->text, text, sizeof text)) {
        v = strtod(text, NULL);
    } else if (raw->kind != PX_ATTR_NUMBER) {
        *ret_reason = PX_REASON_BAD_TYPE;
        return false;
    }
    if (!isfinite(v) || v < -limit || v > limit) {
        *ret_reason = PX_REASON_OUT_OF_RANGE;
        return false;
    }
    ret->number = v;
    return true;
}

static bool as_bool(const struct px_raw_attr *raw, struct px_attr *ret,
                    enum px_reason *ret_reason) {
    bool v = raw->i != 0;
    bool good = raw->kind == PX_ATTR_BOOL;
    if (raw->kind == PX_ATTR_TEXT) {
        good = px_parse_bool(raw->text, &v);
    }
    if (!good) {
        *ret_reason = PX_REASON_BAD_TYPE;
        return false;
    }
    ret->i = v ? 1 : 0;
    return true;
}

static bool judge_value(const struct px_field_rule *f, const struct px_raw_attr *raw,
                        struct px_attr *ret, enum px_reason *ret_reason) {
    *ret = (struct px_attr){.name = px_str_c(f->name), .kind = f->kind};
    switch (f->kind) {
    case PX_ATTR_TEXT:
        return as_text(f, raw, ret, ret_reason);
    case PX_ATTR_INT:
        return as_int(f, raw, ret, ret_reason);
    case PX_ATTR_NUMBER:
        return as_number(raw, ret, ret_reason);
    case PX_ATTR_BOOL:
        return as_bool(raw, ret, ret_reason);
    }
    return false;
}

static void complain(struct px_verdict *v, enum px_reason reason, const char *name) {
    char field[sizeof v->issues[0].field];
    snprintf(field, sizeof field, "attributes.%s", name);
    px_verdict_add(v, reason, field);
}

/* Slot i of ${slots} belongs to rule i, so that filled slots come out sorted by name. */
static void fill_slots(const struct px_event_type *type, const struct px_raw_event *raw,
                       struct px_attr *slots, uint64_t *ret_filled, struct px_verdict *v) {
    uint64_t seen = 0;
    uint64_t twice = 0;
    for (size_t i = 0; i < raw->nattrs; i++) {
        const struct px_field_rule *f = find_rule(type, raw->attrs[i].name);
        if (!f) {
            v->dropped++;
            continue;
        }
        uint64_t bit = UINT64_C(1) << (f - type->fields);
        enum px_reason reason = PX_REASON_BAD_TYPE;
        if (seen & bit) {
            if (!(twice & bit)) {
                complain(v, PX_REASON_DUPLICATE_PARAMETER, f->name);
            }
            twice |= bit;
            continue;
        }
        seen |= bit;
        if (!judge_value(f, &raw->attrs[i], &slots[f - type->fields], &reason)) {
            complain(v, reason, f->name);
            twice |= bit; /* one issue per field */
        }
    }
    for (size_t i = 0; i < type->nfields; i++) {
        if (type->fields[i].required && !(seen & (UINT64_C(1) << i))) {
            complain(v, PX_REASON_MISSING_FIELD, type->fields[i].name);
        }
    }
    *ret_filled = seen;
}

static_assert(PX_EVENT_MAX_ATTRS <= 64, "one bit per rule");

enum px_code px_attributes_judge(const struct px_event_type *type, const struct px_raw_event *raw,
                                 struct px_arena *arena, struct px_event *e, struct px_verdict *v) {
    struct px_attr slots[PX_EVENT_MAX_ATTRS];
    uint64_t filled = 0;
    fill_slots(type, raw, slots, &filled, v);
    size_t n = (size_t)__builtin_popcountll(filled);
    if (v->nissues || n == 0) {
        return PX_OK;
    }
    struct px_attr *attrs = px_arena_alloc(arena, n * sizeof *attrs);
    if (!attrs) {
        return PX_NOMEM;
    }
    size_t to = 0;
    for (size_t i = 0; i < type->nfields; i++) {
        if (filled & (UINT64_C(1) << i)) {
            attrs[to++] = slots[i];
        }
    }
    e->attrs = attrs;
    e->nattrs = n;
    return PX_OK;
}
