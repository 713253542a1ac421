/* GET /api/pixel/{type}: query string -> raw fields, the first hop of a pixel. Pure: it judges
 * nothing beyond what decoding shows. */
#include "fields.h"

#include "dry_run.h"

#include <px/http.h>

#include <stdio.h>
#include <string.h>

/* The query's name of what is no attribute, and the event's name of it. */
static const struct {
    const char *query, *event;
    size_t offset;
} pixel_names[] = {
    {"playerId", "playerId", offsetof(struct ing_fields, raw.player_id)},
    {"bannerTag", "bannerTag", offsetof(struct ing_fields, raw.banner_tag)},
    {"eid", "eventId", offsetof(struct ing_fields, raw.client_event_id)},
    {"sid", "sessionId", offsetof(struct ing_fields, raw.session_id)},
    {"dryRun", "dryRun", offsetof(struct ing_fields, dry_run)},
};

/* Where a value belongs, and the event's word for it, as px_validate says it too. The word is made
 * when somebody has to complain: most never do. */
struct pixel_place {
    struct px_str *value; /* NULL: nobody asked for it */
    const char *prefix, *name;
};

/* One query being read: where decoded bytes go, and the attributes seen so far by their place in
 * the allow-list. */
struct pixel_reader {
    const struct px_event_type *type;
    char *scratch;
    struct px_raw_attr *seen; /* type->nfields entries; .name.p NULL = not seen */
    struct ing_fields *out;
    bool keyed; /* a site key was there */
};

static struct pixel_place pixel_place(struct pixel_reader *r, struct px_str name) {
    for (size_t i = 0; i < PX_ARRAY_LEN(pixel_names); i++) {
        if (px_str_is(name, pixel_names[i].query)) {
            void *at = (char *)r->out + pixel_names[i].offset;
            return (struct pixel_place){.value = at, .prefix = "", .name = pixel_names[i].event};
        }
    }
    int i = ing_fields_attr(r->type, name);
    if (i < 0) {
        return (struct pixel_place){.value = NULL};
    }
    r->seen[i].name = px_str_c(r->type->fields[i].name);
    r->seen[i].kind = PX_ATTR_TEXT;
    return (struct pixel_place){
        .value = &r->seen[i].text, .prefix = "attributes.", .name = r->type->fields[i].name};
}

static void pixel_complain(struct pixel_reader *r, enum px_reason reason,
                           const struct pixel_place *place) {
    char field[sizeof(((struct px_issue *)NULL)->field)];

    snprintf(field, sizeof field, "%s%s", place->prefix, place->name);
    px_verdict_add(&r->out->early, reason, field);
}

static void pixel_value(struct pixel_reader *r, struct px_str raw,
                        const struct pixel_place *place) {
    if (place->value->p) {
        pixel_complain(r, PX_REASON_DUPLICATE_PARAMETER, place);
        return;
    }
    struct px_str value = {0};
    switch (px_form_decode(raw, r->scratch, &value)) {
    case PX_FORM_BAD_ESCAPE:
        pixel_complain(r, PX_REASON_BAD_ESCAPE, place);
        break;
    case PX_FORM_NUL:
        pixel_complain(r, PX_REASON_NUL_BYTE, place);
        break;
    case PX_FORM_OK:
        break;
    }
    *place->value = (struct px_str){.p = value.p ? value.p : "", .n = value.n};
    if (value.p == r->scratch) {
        r->scratch += value.n;
    }
}

static void pixel_pair(struct pixel_reader *r, struct px_str raw_name, struct px_str raw_value) {
    struct px_str name;

    if (px_form_decode(raw_name, r->scratch, &name) != PX_FORM_OK) {
        ing_fields_drop(r->out, raw_name);
        return;
    }
    struct pixel_place place = pixel_place(r, name);
    if (!place.value) {
        if (px_str_is(name, "k")) { /* the site key was looked at already: the first one */
            if (r->keyed) {
                px_verdict_add(&r->out->early, PX_REASON_DUPLICATE_PARAMETER, "k");
            }
            r->keyed = true;
            return;
        }
        ing_fields_drop(r->out, name);
        r->scratch += name.p == r->scratch ? name.n : 0; /* its name may still be asked for */
        return;
    }
    pixel_value(r, raw_value, &place);
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
    px_verdict_clear(&ret->early);
    ret->dropped = 0;
    ret->dry_run = (struct px_str){0};
    ret->dry = false;
    ret->keyed = false;
    struct pixel_reader r = {.type = type, .scratch = scratch, .seen = seen, .out = ret};
    struct px_form form = {.rest = query};
    struct px_str name, value;
    bool has_value;
    while (px_form_next(&form, &name, &value, &has_value)) {
        pixel_pair(&r, name, value);
    }
    pixel_attrs(&r);
    if (ret->dry_run.p && !ing_dry_run_value(ret->dry_run, &ret->dry)) {
        px_verdict_add(&ret->early, PX_REASON_BAD_TYPE, "dryRun");
    }
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
