/* What pixel and JSON readers share: the allow-list and the union of two verdicts. Pure. */
#include "fields.h"

#include <string.h>

int ing_fields_attr(const struct px_event_type *type, struct px_str name) {
    size_t lo = 0, hi = type ? type->nfields : 0;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = px_str_cmp(name, px_str_c(type->fields[mid].name));
        if (c == 0) {
            return (int)mid;
        }
        if (c < 0) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return -1;
}

struct px_str ing_fields_name(struct px_str name, size_t cap) {
    if (name.n < cap) {
        return name;
    }
    name.n = cap - 1;
    while (name.n && ((uint8_t)name.p[name.n] & 0xc0) == 0x80) {
        name.n--; /* in the middle of a character */
    }
    return name;
}

static bool fields_has_issue(const struct px_verdict *v, const char *field) {
    for (size_t i = 0; i < v->nissues; i++) {
        if (strcmp(v->issues[i].field, field) == 0) {
            return true;
        }
    }
    return false;
}

void ing_fields_merge(const struct px_verdict *early, struct px_verdict *judged) {
    if (early->nissues == 0) {
        return;
    }
    struct px_verdict all = *judged;
    all.nissues = 0;
    for (size_t i = 0; i < early->nissues; i++) {
        px_verdict_add(&all, early->issues[i].reason, early->issues[i].field);
    }
    for (size_t i = 0; i < judged->nissues; i++) {
        if (!fields_has_issue(early, judged->issues[i].field)) {
            px_verdict_add(&all, judged->issues[i].reason, judged->issues[i].field);
        }
    }
    *judged = all;
}
