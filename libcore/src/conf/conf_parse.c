/* The text of one option -> its field in the configuration struct, by the rules of its row.
 * Pure. Its messages name the rule and the remedy and never show a secret. */
#include "conf_priv.h"

#include <px/num.h>

#include <stdio.h>

/* Longest part of a refused value that a message shows. */
#define PARSE_SHOWN 60

/* The cause of a refusal, written by the parsers below. */
struct parse {
    const struct px_option *o;
    struct px_str text;
    char *why;
    size_t cap;
};

static bool refuse(const struct parse *p, const char *rule, const char *a, const char *b) {
    int shown = (int)(p->text.n > PARSE_SHOWN ? PARSE_SHOWN : p->text.n);
    char what[256];

    /* the rule is one of the constant formats of this file with up to two texts of the row */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(what, sizeof what, rule, a, b);
#pragma GCC diagnostic pop
    if (p->text.n == 0) {
        snprintf(p->why, p->cap, "is empty and %s", what);
    } else {
        snprintf(p->why, p->cap, "\"%.*s\" %s", shown, p->text.p, what);
    }
    return false;
}

static bool parse_int(const struct parse *p, int64_t *ret) {
    int64_t min, max;
    bool row_ok = px_parse_i64(px_str_c(p->o->min), INT64_MIN, INT64_MAX, &min) &&
                  px_parse_i64(px_str_c(p->o->max), INT64_MIN, INT64_MAX, &max);

    px_assert(row_ok);
    if (px_parse_i64(p->text, min, max, ret)) {
        return true;
    }
    return refuse(p, "is not a whole number from %s to %s", p->o->min, p->o->max);
}

static bool parse_ms(const struct parse *p, px_us *ret) {
    px_us min, max, v;
    bool row_ok = px_parse_duration(px_str_c(p->o->min), &min) &&
                  px_parse_duration(px_str_c(p->o->max), &max);

    px_assert(row_ok);
    if (!px_parse_duration(p->text, &v)) {
        return refuse(p, "is not a duration: write digits and ms, s, m, h or d, from %s to %s",
                      p->o->min, p->o->max);
    }
    if (v < min || v > max) {
        return refuse(p, "is outside %s to %s", p->o->min, p->o->max);
    }
    *ret = v;
    return true;
}

static bool parse_size(const struct parse *p, int64_t *ret) {
    int64_t min, max, v;
    bool row_ok =
        px_parse_size(px_str_c(p->o->min), &min) && px_parse_size(px_str_c(p->o->max), &max);

    px_assert(row_ok);
    if (!px_parse_size(p->text, &v)) {
        return refuse(p,
                      "is not a size: write digits, or digits and KiB, MiB or GiB, from %s to %s",
                      p->o->min, p->o->max);
    }
    if (v < min || v > max) {
        return refuse(p, "is outside %s to %s", p->o->min, p->o->max);
    }
    *ret = v;
    return true;
}

static bool parse_enum(const struct parse *p, int *ret) {
    struct px_str rest = px_str_c(p->o->choices);

    for (int i = 0; rest.n; i++) {
        if (px_str_eq(p->text, px_str_part(&rest, '|'))) {
            *ret = i;
            return true;
        }
    }
    return refuse(p, "is none of %s", p->o->choices, "");
}

static bool parse_str(const struct parse *p, const char **ret) {
    bool secret = p->o->flags & PX_OPT_SECRET;

    if (p->text.n == 0 && (p->o->flags & PX_OPT_REQUIRED)) {
        snprintf(p->why, p->cap, "must not be empty");
        return false;
    }
    if (p->text.n > PX_CONF_VALUE_MAX) {
        snprintf(p->why, p->cap, "is longer than %d bytes", PX_CONF_VALUE_MAX);
        return false;
    }
    if (!secret && (!px_utf8_valid(p->text) || px_str_has_control(p->text))) {
        snprintf(p->why, p->cap, "is not UTF-8 text without control characters");
        return false;
    }
    *ret = p->text.p;
    return true;
}

bool px_conf_parse(const struct px_option *o, const struct px_conf_slot *text, void *out, char *why,
                   size_t cap) {
    struct parse p = {.o = o, .text = {.p = text->text, .n = text->n}, .why = why, .cap = cap};

    switch (o->kind) {
    case PX_KIND_STR:
        return parse_str(&p, out);
    case PX_KIND_INT:
        return parse_int(&p, out);
    case PX_KIND_BOOL:
        return px_parse_bool(p.text, out) || refuse(&p, "is neither true nor false", "", "");
    case PX_KIND_MS:
        return parse_ms(&p, out);
    case PX_KIND_SIZE:
        return parse_size(&p, out);
    case PX_KIND_ENUM:
        return parse_enum(&p, out);
    }
    return false;
}

void px_conf_rule(const struct px_option *o, struct px_buf *out) {
    switch (o->kind) {
    case PX_KIND_STR:
        px_buf_c(out, o->flags & PX_OPT_REQUIRED ? "text, not empty" : "text");
        break;
    case PX_KIND_INT:
        px_buf_printf(out, "%s to %s", o->min, o->max);
        break;
    case PX_KIND_BOOL:
        px_buf_c(out, "true|false");
        break;
    case PX_KIND_MS:
    case PX_KIND_SIZE:
        px_buf_printf(out, "%s, %s to %s", o->kind == PX_KIND_MS ? "duration" : "size", o->min,
                      o->max);
        break;
    case PX_KIND_ENUM:
        px_buf_c(out, o->choices);
        break;
    }
}
