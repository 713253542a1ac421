/* Catalog -> JSON Schema. Says the rules of px_validate and of the reader once more, in another
 * language; tests/e2e/test_collector.sh asks both about the same events. Pure. */
#include "event_schema.h"

#include "batch.h"

#include <px/jsonw.h>
#include <px/validate.h>

#include <stdio.h>

/* Patterns end with END, not with a dollar: to some engines that is also true before a line feed.
 */
#define END     "(?![\\s\\S])"
#define CONTROL "[\\u0000-\\u001f\\u007f-\\u009f]"
#define MONTHS  "(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
#define SHORTER "(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9])"
#define HOUR    "([01][0-9]|2[0-3]):[0-5][0-9]"
#define INSTANT                                                                                    \
    "^(19[7-9][0-9]|[2-9][0-9]{3})-(" MONTHS "|" SHORTER ")[Tt]" HOUR                              \
    ":[0-5][0-9](\\.[0-9]{1,9})?([Zz]|[+-]" HOUR ")" END
#define INTEGER      "^(0|-?[1-9][0-9]*)" END
#define NUMBER       "^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?" END
#define NUMBER_BYTES 63

static void schema_ref(struct px_jsonw *j, const char *to) {
    px_jw_obj(j);
    px_jw_kc(j, "$ref", to);
    px_jw_obj_end(j);
}

static void schema_type(struct px_jsonw *j, const char *type) {
    px_jw_obj(j);
    px_jw_kc(j, "type", type);
}

static void schema_null(struct px_jsonw *j) {
    schema_type(j, "null");
    px_jw_obj_end(j);
}

/* {"anyOf":[{"$ref":...},{"type":"null"}]} */
static void schema_ref_or_null(struct px_jsonw *j, const char *key, const char *to) {
    px_jw_key(j, key);
    px_jw_obj(j);
    px_jw_key(j, "anyOf");
    px_jw_arr(j);
    schema_ref(j, to);
    schema_null(j);
    px_jw_arr_end(j);
    px_jw_obj_end(j);
}

/* --- attributes ----------------------------------------------------------------------------------
 */

static void schema_text(struct px_jsonw *j, const struct px_field_rule *f) {
    schema_type(j, "string");
    if (f->required) {
        px_jw_ki64(j, "minLength", 1);
    }
    px_jw_ki64(j, "maxLength", (int64_t)f->max_bytes);
    px_jw_key(j, "not");
    px_jw_obj(j);
    px_jw_kc(j, "pattern", CONTROL);
    px_jw_obj_end(j);
    px_jw_obj_end(j);
}

/* The same as text: what a pixel sends is text, and JSON may do as it does. */
static void schema_as_text(struct px_jsonw *j, const char *pattern, int64_t max) {
    schema_type(j, "string");
    px_jw_kc(j, "pattern", pattern);
    if (max) {
        px_jw_ki64(j, "maxLength", max);
    }
    px_jw_obj_end(j);
}

static void schema_range(struct px_jsonw *j, const char *type, int64_t min, int64_t max) {
    schema_type(j, type);
    px_jw_ki64(j, "minimum", min);
    px_jw_ki64(j, "maximum", max);
    px_jw_obj_end(j);
}

/* The alternatives for the value of an attribute. */
static void schema_kinds(struct px_jsonw *j, const struct px_field_rule *f) {
    switch (f->kind) {
    case PX_ATTR_TEXT:
        schema_text(j, f);
        break;
    case PX_ATTR_INT:
        schema_range(j, "integer", f->min, f->max);
        schema_as_text(j, INTEGER, 0);
        break;
    case PX_ATTR_NUMBER:
        schema_range(j, "number", -PX_EXACT_INT, PX_EXACT_INT);
        schema_as_text(j, NUMBER, NUMBER_BYTES);
        break;
    case PX_ATTR_BOOL:
        schema_type(j, "boolean");
        px_jw_obj_end(j);
        schema_as_text(j, "^(true|false)" END, 0);
        break;
    }
}

static void schema_attribute(struct px_jsonw *j, const struct px_field_rule *f) {
    px_jw_key(j, f->name);
    px_jw_obj(j);
    px_jw_key(j, "anyOf");
    px_jw_arr(j);
    schema_kinds(j, f);
    if (!f->required) {
        schema_null(j);
    }
    px_jw_arr_end(j);
    px_jw_obj_end(j);
}

static bool schema_any_required(const struct px_event_type *type) {
    for (size_t i = 0; i < type->nfields; i++) {
        if (type->fields[i].required) {
            return true;
        }
    }
    return false;
}

static void schema_required_fields(struct px_jsonw *j, const struct px_event_type *type) {
    px_jw_key(j, "required");
    px_jw_arr(j);
    for (size_t i = 0; i < type->nfields; i++) {
        if (type->fields[i].required) {
            px_jw_c(j, type->fields[i].name);
        }
    }
    px_jw_arr_end(j);
}

/* What follows from one type: others than the listed attributes are left out, not refused. */
static void schema_then(struct px_jsonw *j, const struct px_event_type *type) {
    bool required = schema_any_required(type);

    px_jw_obj(j);
    px_jw_key(j, "properties");
    px_jw_obj(j);
    px_jw_key(j, "attributes");
    px_jw_obj(j);
    px_jw_key(j, "properties");
    px_jw_obj(j);
    for (size_t i = 0; i < type->nfields; i++) {
        schema_attribute(j, &type->fields[i]);
    }
    px_jw_obj_end(j);
    if (required) {
        px_jw_kc(j, "type", "object");
        schema_required_fields(j, type);
    }
    px_jw_obj_end(j);
    px_jw_obj_end(j);
    if (required) {
        px_jw_key(j, "required");
        px_jw_arr(j);
        px_jw_c(j, "attributes");
        px_jw_arr_end(j);
    }
    px_jw_obj_end(j);
}

static void schema_type_rule(struct px_jsonw *j, const struct px_event_type *type) {
    px_jw_obj(j);
    px_jw_key(j, "if");
    px_jw_obj(j);
    px_jw_key(j, "properties");
    px_jw_obj(j);
    px_jw_key(j, "eventType");
    px_jw_obj(j);
    px_jw_kc(j, "const", type->name);
    px_jw_obj_end(j);
    px_jw_obj_end(j);
    px_jw_obj_end(j);
    px_jw_key(j, "then");
    schema_then(j, type);
    px_jw_obj_end(j);
}

/* --- the envelope --------------------------------------------------------------------------------
 */

/* "^([nN][uU]...|...)": a schema knows no flag that ignores case. */
static void schema_junk(struct px_jsonw *j) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(2048);
    size_t n;
    const struct px_str *junk = px_junk_values(&n);

    px_buf_c(&b, "^(");
    for (size_t i = 0; i < n; i++) {
        px_buf_c(&b, i ? "|" : "");
        for (size_t k = 0; k < junk[i].n; k++) {
            char c = junk[i].p[k], low = (char)(c | 0x20);
            if (low >= 'a' && low <= 'z') {
                px_buf_printf(&b, "[%c%c]", low, low - 32);
            } else {
                px_buf_printf(&b, c == '[' || c == ']' ? "\\%c" : "%c", c);
            }
        }
    }
    px_buf_c(&b, ")" END);
    px_jw_obj(j);
    px_jw_kstr(j, "pattern", px_buf_view(&b));
    px_jw_obj_end(j);
}

static void schema_id(struct px_jsonw *j) {
    px_jw_key(j, "id");
    schema_type(j, "string");
    px_jw_kc(j, "description",
             "1 to 128 bytes of UTF-8, no control characters, not a placeholder such as null or "
             "undefined");
    px_jw_ki64(j, "minLength", 1);
    px_jw_ki64(j, "maxLength", PX_ID_MAX);
    px_jw_key(j, "not");
    px_jw_obj(j);
    px_jw_key(j, "anyOf");
    px_jw_arr(j);
    px_jw_obj(j);
    px_jw_kc(j, "pattern", CONTROL);
    px_jw_obj_end(j);
    schema_junk(j);
    px_jw_arr_end(j);
    px_jw_obj_end(j);
    px_jw_obj_end(j);
}

static void schema_instant(struct px_jsonw *j) {
    px_jw_key(j, "instant");
    schema_type(j, "string");
    px_jw_kc(j, "description", "RFC 3339, from 1970 to 9999, at most nine digits of a second");
    px_jw_kc(j, "format", "date-time");
    px_jw_kc(j, "pattern", INSTANT);
    px_jw_obj_end(j);
}

static void schema_events(struct px_jsonw *j) {
    schema_type(j, "array");
    px_jw_key(j, "items");
    schema_ref(j, "#");
    px_jw_ki64(j, "minItems", 1);
    px_jw_ki64(j, "maxItems", ING_BATCH_MAX);
    px_jw_obj_end(j);
}

static void schema_batch(struct px_jsonw *j) {
    px_jw_key(j, "batch");
    px_jw_obj(j);
    px_jw_kc(j, "description",
             "All events of a request: an array, or the same in a member. Each has a result of its "
             "own: one that is refused does not fail the others");
    px_jw_key(j, "anyOf");
    px_jw_arr(j);
    schema_events(j);
    schema_type(j, "object");
    px_jw_key(j, "properties");
    px_jw_obj(j);
    px_jw_key(j, "events");
    schema_events(j);
    px_jw_obj_end(j);
    px_jw_key(j, "required");
    px_jw_arr(j);
    px_jw_c(j, "events");
    px_jw_arr_end(j);
    px_jw_kbool(j, "additionalProperties", false);
    px_jw_obj_end(j);
    px_jw_arr_end(j);
    px_jw_obj_end(j);
}

static void schema_type_or_null(struct px_jsonw *j, const char *name, const char *type) {
    px_jw_key(j, name);
    px_jw_obj(j);
    px_jw_key(j, "type");
    px_jw_arr(j);
    px_jw_c(j, type);
    px_jw_c(j, "null");
    px_jw_arr_end(j);
    px_jw_obj_end(j);
}

static void schema_properties(struct px_jsonw *j, const struct px_catalog *cat) {
    px_jw_key(j, "properties");
    px_jw_obj(j);
    px_jw_key(j, "eventType");
    px_jw_obj(j);
    px_jw_key(j, "enum");
    px_jw_arr(j);
    for (size_t i = 0; i < px_catalog_count(cat); i++) {
        px_jw_c(j, px_catalog_type(cat, i)->name);
    }
    px_jw_arr_end(j);
    px_jw_obj_end(j);
    px_jw_key(j, "playerId");
    schema_ref(j, "#/$defs/id");
    px_jw_key(j, "bannerTag");
    schema_ref(j, "#/$defs/id");
    schema_ref_or_null(j, "eventId", "#/$defs/id");
    schema_ref_or_null(j, "sessionId", "#/$defs/id");
    schema_ref_or_null(j, "timestamp", "#/$defs/instant");
    schema_type_or_null(j, "ip", "string");
    schema_type_or_null(j, "attributes", "object");
    px_jw_obj_end(j);
}

void ing_event_schema(const struct px_catalog *cat, struct px_buf *out) {
    struct px_jsonw w = px_jsonw_on(out), *j = &w;

    px_jw_obj(j);
    px_jw_kc(j, "$schema", "https://json-schema.org/draft/2020-12/schema");
    px_jw_kc(j, "$id", "urn:pixel-analytics:schema:event");
    px_jw_kc(j, "title", "One event of POST /api/events");
    px_jw_kc(
        j, "description",
        "Whatever this schema refuses the collector refuses. It refuses more: lengths are bytes "
        "of UTF-8 there; text that looks like an e-mail address or a card number (playerId and "
        "bannerTag excepted); days that do not exist; numbers written as text outside their "
        "range; integers written with a point; timestamp and ip without a key that allows them. "
        "Members that come twice are no JSON to it.");
    px_jw_kc(j, "type", "object");
    schema_properties(j, cat);
    px_jw_key(j, "required");
    px_jw_arr(j);
    px_jw_c(j, "eventType");
    px_jw_c(j, "playerId");
    px_jw_c(j, "bannerTag");
    px_jw_arr_end(j);
    px_jw_kbool(j, "additionalProperties", false);
    px_jw_key(j, "allOf");
    px_jw_arr(j);
    for (size_t i = 0; i < px_catalog_count(cat); i++) {
        schema_type_rule(j, px_catalog_type(cat, i));
    }
    px_jw_arr_end(j);
    px_jw_key(j, "$defs");
    px_jw_obj(j);
    schema_id(j);
    schema_instant(j);
    schema_batch(j);
    px_jw_obj_end(j);
    px_jw_obj_end(j);
}
