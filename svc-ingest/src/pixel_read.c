/* GET /api/pixel/{type}: query string -> raw fields, the first hop of a pixel. Pure: it judges
 * nothing beyond what decoding shows. */
#include "fields.h"

#include <px/http.h>

#include <stdio.h>
#include <string.h>

#define PIXEL_FIELD_MAX sizeof(((struct px_issue *)NULL)->field)

/* The query's name of an envelope field, and the event's name of it. */
static const struct {
    const char *query, *event;
    size_t offset;
} pixel_names[] = {
    {"playerId", "playerId", offsetof(struct px_raw_event, player_id)},
    {"bannerTag", "bannerTag", offsetof(struct px_raw_event, banner_tag)},
    {"eid", "eventId", offsetof(struct px_raw_event, client_event_id)},
    {"sid", "sessionId", offsetof(struct px_raw_event, session_id)},
};

/* One query being read: where decoded bytes go, and the attributes seen so far by their place in
 * the allow-list. */
struct pixel_reader {
    const struct px_event_type *type;
    char *scratch;
    struct px_raw_attr *seen; /* type->nfields entries; .name.p NULL = not seen */
    struct ing_fields *out;
};

static struct px_str *pixel_envelope(struct pixel_reader *r, struct px_str name,
                                     char ret_field[PIXEL_FIELD_MAX]) {
    for (size_t i = 0; i < PX_ARRAY_LEN(pixel_names); i++) {
        if (px_str_is(name, pixel_names[i].query)) {
            snprintf(ret_field, PIXEL_FIELD_MAX, "%s", pixel_names[i].event);
            return (struct px_str *)(void *)((char *)&r->out->raw + pixel_names[i].offset);
        }
    }
    return NULL;
}

/* Where the value of ${name} belongs, or NULL when nobody asked for it; ${ret_field}: the event's
 * word for it, as px_validate says it too. */
static struct px_str *pixel_place(struct pixel_reader *r, struct px_str name,
                                  char ret_field[PIXEL_FIELD_MAX]) {
    struct px_str *place = pixel_envelope(r, name, ret_field);
    if (place) {
        return place;
    }
    int i = ing_fields_attr(r->type, name);
    if (i < 0) {
        return NULL;
    }
    snprintf(ret_field, PIXEL_FIELD_MAX, "attributes.%s", r->type->fields[i].name);
    r->seen[i].name = px_str_c(r->type->fields[i].name);
    r->seen[i].kind = PX_ATTR_TEXT;
    return &r->seen[i].text;
}

static void pixel_value(struct pixel_reader *r, struct px_str raw, struct px_str *place,
                        const char *field) {
    struct px_verdict *early = &r->out->early;

    if (place->p) {
        px_verdict_add(early, PX_REASON_DUPLICATE_PARAMETER, field);
        return;
    }
    struct px_str value = {0};
    switch (px_form_decode(raw, r->scratch, &value)) {
    case PX_FORM_BAD_ESCAPE:
        px_verdict_add(early, PX_REASON_BAD_ESCAPE, field);
        break;
    case PX_FORM_NUL:
        px_verdict_add(early, PX_REASON_NUL_BYTE, field);
        break;
    case PX_FORM_OK:
        break;
    }
    *place = (struct px_str){.p = value.p ? value.p : "", .n = value.n};
    if (value.p == r->scratch) {
        r->scratch += value.n;
    }
}

static void pixel_pair(struct pixel_reader *r, struct px_str raw_name, struct px_str raw_value) {
    struct px_str name;
    char field[PIXEL_FIELD_MAX];

    if (px_form_decode(raw_name, r->scratch, &name) != PX_FORM_OK) {
        r->out->dropped++;
        return;
    }
    struct px_str *place = pixel_place(r, name, field);
    if (!place) {
        r->out->dropped++;
        return;
    }
    pixel_value(r, raw_value, place, field);
}

static void pixel_attrs(struct pixel_reader *r) {
    size_t n = 0;

    for (size_t i = 0; i < r->type->nfields; i++) {
        if (r->seen[i].name.p) {
            r->seen[n++] = r->seen[i];
        }
    }
    r->out->raw.attrs = r->seen;
    r->out->raw.nattrs = n;
}

enum px_code ing_pixel_read(const struct px_event_type *type, struct px_str query,
                            struct px_arena *arena, struct ing_fields *ret, struct px_err *reterr) {
    char *scratch = px_arena_alloc(arena, query.n + 1);
    struct px_raw_attr *seen = px_arena_zalloc(arena, type->nfields + 1, sizeof *seen);
    if (!scratch || !seen) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a query of %zu bytes", query.n);
    }
    ret->raw = (struct px_raw_event){.event_type = px_str_c(type->name)};
    ret->early.nissues = 0;
    ret->dropped = 0;
    ret->source = (struct px_str){0};
    struct pixel_reader r = {.type = type, .scratch = scratch, .seen = seen, .out = ret};
    struct px_form form = {.rest = query};
    struct px_str name, value;
    bool has_value;
    while (px_form_next(&form, &name, &value, &has_value)) {
        pixel_pair(&r, name, value);
    }
    pixel_attrs(&r);
    return PX_OK;
}

void ing_pixel_names(struct px_verdict *v) {
    static const char prefix[] = "attributes.";

    for (size_t i = 0; i < v->nissues; i++) {
        char *field = v->issues[i].field;
        if (strncmp(field, prefix, sizeof prefix - 1) == 0) {
            memmove(field, field + sizeof prefix - 1, strlen(field + sizeof prefix - 1) + 1);
        }
        for (size_t k = 0; k < PX_ARRAY_LEN(pixel_names); k++) {
            if (strcmp(field, pixel_names[k].event) == 0) {
                snprintf(field, sizeof v->issues[i].field, "%s", pixel_names[k].query);
            }
        }
    }
}
