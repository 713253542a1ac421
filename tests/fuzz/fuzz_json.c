/* JSON documents and JSON events. What is accepted as a document is accepted again when it is
 * written out, and is the same document; what is accepted as an event is the same event when it is
 * written out as JSON. cJSON, which is behind the strict gate, must accept all that we accept. */
#include "catalog.h"
#include "fuzz.h"

#include <px/jsonw.h>

#include <cjson/cJSON.h>

#define BODY_MAX (256 * 1024)
#define TEXT_MAX (8 * BODY_MAX)

static void close_json(struct px_json **j) {
    px_json_free(*j);
}

static void write_node(struct px_jsonw *w, const struct px_jnode *n) {
    int64_t i;
    switch (px_json_type(n)) {
    case PX_JSON_NULL:
        px_jw_null(w);
        return;
    case PX_JSON_BOOL:
        px_jw_bool(w, px_json_bool(n));
        return;
    case PX_JSON_STRING:
        px_jw_str(w, px_json_text(n));
        return;
    case PX_JSON_NUMBER:
        if (px_json_int(n, &i)) {
            px_jw_i64(w, i);
        } else {
            px_jw_double(w, px_json_double(n));
        }
        return;
    case PX_JSON_ARRAY:
    case PX_JSON_OBJECT:
        break;
    }
    bool object = px_json_type(n) == PX_JSON_OBJECT;
    (object ? px_jw_obj : px_jw_arr)(w);
    for (const struct px_jnode *c = px_json_first(n); c; c = px_json_next(c)) {
        if (object) {
            px_jw_key_s(w, px_json_name(c));
        }
        write_node(w, c);
    }
    (object ? px_jw_obj_end : px_jw_arr_end)(w);
}

static bool same_number(const struct px_jnode *a, const struct px_jnode *b) {
    int64_t i = 0, k = 0;
    bool whole = px_json_int(a, &i), whole2 = px_json_int(b, &k);
    /* 1e2 is written as 100, which is an integer then: the value counts */
    return (!whole || (whole2 && i == k)) && !(px_json_double(a) < px_json_double(b)) &&
           !(px_json_double(a) > px_json_double(b));
}

static bool same(const struct px_jnode *a, const struct px_jnode *b) {
    if (px_json_type(a) != px_json_type(b) || !px_str_eq(px_json_name(a), px_json_name(b))) {
        return false;
    }
    switch (px_json_type(a)) {
    case PX_JSON_NULL:
        return true;
    case PX_JSON_BOOL:
        return px_json_bool(a) == px_json_bool(b);
    case PX_JSON_STRING:
        return px_str_eq(px_json_text(a), px_json_text(b));
    case PX_JSON_NUMBER:
        return same_number(a, b);
    case PX_JSON_ARRAY:
    case PX_JSON_OBJECT:
        break;
    }
    const struct px_jnode *x = px_json_first(a), *y = px_json_first(b);
    while (x && y && same(x, y)) {
        x = px_json_next(x);
        y = px_json_next(y);
    }
    return !x && !y;
}

static void put(struct px_jsonw *w, const char *name, struct px_str v) {
    if (v.p) {
        px_jw_kstr(w, name, v);
    }
}

static void put_attr(struct px_jsonw *w, const struct px_raw_attr *a) {
    px_jw_key_s(w, a->name);
    switch (a->kind) {
    case PX_ATTR_TEXT:
        px_jw_str(w, a->text);
        break;
    case PX_ATTR_INT:
        px_jw_i64(w, a->i);
        break;
    case PX_ATTR_NUMBER:
        px_jw_double(w, a->number);
        break;
    case PX_ATTR_BOOL:
        px_jw_bool(w, a->i != 0);
        break;
    }
}

static void write_event(const struct px_raw_event *raw, struct px_buf *out) {
    struct px_jsonw w = px_jsonw_on(out);
    px_jw_obj(&w);
    put(&w, "eventType", raw->event_type);
    put(&w, "playerId", raw->player_id);
    put(&w, "bannerTag", raw->banner_tag);
    put(&w, "eventId", raw->client_event_id);
    put(&w, "timestamp", raw->timestamp);
    put(&w, "sessionId", raw->session_id);
    px_jw_key(&w, "attributes");
    px_jw_obj(&w);
    for (size_t i = 0; i < raw->nattrs; i++) {
        put_attr(&w, &raw->attrs[i]);
    }
    px_jw_obj_end(&w);
    px_jw_obj_end(&w);
}

static void check_event(const struct px_jnode *node) {
    PX_DEFER(px_arena_fini) struct px_arena arena;
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(TEXT_MAX);
    PX_DEFER(close_json) struct px_json *again = NULL;
    struct ing_fields f, f2;
    struct px_event e, e2;
    px_arena_init(&arena, 4 << 20);
    if (ing_collect_read(fuzz_catalog(), node, &arena, &f, NULL) || !fuzz_judge(&f, &arena, &e)) {
        return;
    }
    write_event(&f.raw, &text);
    FUZZ_CHECK(px_json_parse(px_buf_view(&text), TEXT_MAX, &again, NULL) == PX_OK);
    FUZZ_CHECK(!ing_collect_read(fuzz_catalog(), px_json_root(again), &arena, &f2, NULL));
    FUZZ_CHECK(f2.dropped == 0 && fuzz_judge(&f2, &arena, &e2) && px_event_equal(&e, &e2));
}

static void check_events(const struct px_jnode *root) {
    const struct px_jnode *list =
        px_json_type(root) == PX_JSON_ARRAY ? root : px_json_get(root, "events");
    check_event(root);
    for (const struct px_jnode *c = px_json_first(list); c; c = px_json_next(c)) {
        check_event(c);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    PX_DEFER(close_json) struct px_json *doc = NULL;
    PX_DEFER(close_json) struct px_json *again = NULL;
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(TEXT_MAX);
    struct px_str in = {.p = (const char *)data, .n = size};
    if (px_json_parse(in, BODY_MAX, &doc, NULL)) {
        return 0;
    }
    FUZZ_CHECK(px_utf8_valid(in) && !memchr(data, '\0', size));
    cJSON *other = cJSON_ParseWithLength(in.p, in.n);
    FUZZ_CHECK(other);
    cJSON_Delete(other);
    struct px_jsonw w = px_jsonw_on(&text);
    write_node(&w, px_json_root(doc));
    FUZZ_CHECK(px_json_parse(px_buf_view(&text), TEXT_MAX, &again, NULL) == PX_OK);
    FUZZ_CHECK(same(px_json_root(doc), px_json_root(again)));
    check_events(px_json_root(doc));
    return 0;
}
