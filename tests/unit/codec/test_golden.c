/* Golden vectors: bytes written by another implementation of Avro (tests/golden/events/generate.py)
 * must decode to the fields beside them, and those fields must encode to the same bytes. */
#include <px/event_avro.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include <px/json.h>
#include <px/num.h>

#include "hex.h"
#include "unit.h"

#define FOLDER "tests/golden/events"

static struct px_str text_of(const struct px_jnode *n, const char *name) {
    const struct px_jnode *m = px_json_get(n, name);
    return m ? px_json_text(m) : (struct px_str){.p = NULL, .n = 0};
}

static int64_t int_of(const struct px_jnode *n, const char *name, int64_t absent) {
    int64_t v = absent;
    struct px_str s = text_of(n, name);
    if (s.p && !px_parse_i64(s, INT64_MIN, INT64_MAX, &v)) {
        fail_msg("%s is not an integer", name);
    }
    return v;
}

static struct px_attr attr_of(const struct px_jnode *member) {
    const struct px_jnode *tagged = px_json_first(member);
    struct px_str tag = px_json_name(tagged);
    struct px_str text = px_json_text(tagged);
    struct px_attr a = {.name = px_json_name(member), .kind = PX_ATTR_TEXT};
    bool yes = false;
    if (px_str_is(tag, "long")) {
        a.kind = PX_ATTR_INT;
        assert_true(px_parse_i64(text, INT64_MIN, INT64_MAX, &a.i));
    } else if (px_str_is(tag, "double")) {
        a.kind = PX_ATTR_NUMBER;
        a.number = strtod(text.p, NULL);
    } else if (px_str_is(tag, "boolean")) {
        a.kind = PX_ATTR_BOOL;
        assert_true(px_parse_bool(text, &yes));
        a.i = yes;
    } else {
        assert_true(px_str_is(tag, "string"));
        a.text = text;
    }
    return a;
}

static int by_name(const void *a, const void *b) {
    const struct px_attr *x = a;
    const struct px_attr *y = b;
    return px_str_cmp(x->name, y->name);
}

static struct px_event event_of(const struct px_jnode *n, struct px_attr *attrs) {
    struct px_event e = {
        .client_event_id = text_of(n, "client_event_id"),
        .event_type = text_of(n, "event_type"),
        .player_id = text_of(n, "player_id"),
        .banner_tag = text_of(n, "banner_tag"),
        .session_id = text_of(n, "session_id"),
        .occurred_at = int_of(n, "occurred_at", 0),
        .received_at = int_of(n, "received_at", 0),
        .attrs = attrs,
        .source_ip = text_of(n, "source_ip"),
        .user_agent = text_of(n, "user_agent"),
        .traffic_class = text_of(n, "traffic_class"),
        .traceparent = text_of(n, "traceparent"),
    };
    assert_true(px_uuid_parse(text_of(n, "event_id"), &e.id));
    const struct px_jnode *m = px_json_first(px_json_get(n, "attributes"));
    for (; m; m = px_json_next(m)) {
        assert_true(e.nattrs < PX_EVENT_MAX_ATTRS);
        attrs[e.nattrs++] = attr_of(m);
    }
    qsort(attrs, e.nattrs, sizeof *attrs, by_name);
    return e;
}

static void check_event(const struct px_jnode *n, bool canonical, struct px_str bytes) {
    PX_DEFER(px_arena_fini) struct px_arena arena;
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    struct px_attr attrs[PX_EVENT_MAX_ATTRS];
    struct px_event want = event_of(n, attrs);
    struct px_event got;
    struct px_err err = PX_ERR_INIT;
    int reason = -1;
    px_arena_init(&arena, 1 << 16);
    if (px_event_from_avro(bytes, &arena, &got, &reason, &err)) {
        fail_msg("does not decode: %s", err.msg);
    }
    assert_true(px_event_equal(&want, &got));
    px_event_to_avro(&want, &b);
    assert_int_equal(px_buf_ok(&b, NULL), PX_OK);
    assert_int_equal(px_str_eq(px_buf_view(&b), bytes), canonical);
}

/* Written by another schema than ours, which the vector holds. */
static void check_foreign(const struct px_jnode *n, struct px_str writer, struct px_str bytes) {
    PX_DEFER(px_arena_fini) struct px_arena arena;
    struct px_attr attrs[PX_EVENT_MAX_ATTRS];
    struct px_event want = event_of(n, attrs), got;
    struct px_event_plan *plan = NULL;
    struct px_err err = PX_ERR_INIT;
    struct px_str body;
    uint32_t id = 0;
    px_arena_init(&arena, 1 << 16);
    assert_true(px_wire_get(bytes, &id, &body));
    if (px_event_plan_new(writer, &plan, &err) || px_event_read(plan, body, &arena, &got, &err)) {
        fail_msg("is not read: %s", err.msg);
    }
    assert_true(px_event_equal(&want, &got));
    px_event_plan_free(plan);
}

static void check_letter(const struct px_jnode *n, bool canonical, struct px_str bytes) {
    PX_DEFER(px_buf_fini) struct px_buf key = PX_BUF_INIT(1 << 10);
    PX_DEFER(px_buf_fini) struct px_buf payload = PX_BUF_INIT(1 << 16);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    struct px_dead_letter d;
    assert_true(hex_decode(text_of(n, "key"), &key));
    assert_true(hex_decode(text_of(n, "payload"), &payload));
    assert_int_equal(px_dead_letter_from_avro(bytes, &d, NULL), PX_OK);
    assert_true(px_str_eq(d.reason, text_of(n, "reason")));
    assert_true(px_str_eq(d.field, text_of(n, "field")));
    assert_true(px_str_eq(d.detail, text_of(n, "detail")));
    assert_true(px_str_eq(d.service, text_of(n, "service")));
    assert_true(px_str_eq(d.version, text_of(n, "version")));
    assert_true(px_str_eq(d.topic, text_of(n, "topic")));
    assert_true(d.at == int_of(n, "at", 0) && d.partition == int_of(n, "partition", 0));
    assert_true(d.offset == int_of(n, "offset", 0));
    assert_true(px_str_eq(d.key, px_buf_view(&key)));
    assert_true(px_str_eq(d.payload, px_buf_view(&payload)));
    assert_true(px_str_eq(d.log_id, text_of(n, "log_id")));
    assert_true(d.payload_bytes == int_of(n, "payload_bytes", 0));
    assert_true(d.key_bytes == int_of(n, "key_bytes", 0));
    assert_true(px_str_eq(d.event_type, text_of(n, "event_type")));
    assert_true(px_str_eq(d.request_id, text_of(n, "request_id")));
    assert_true(px_str_eq(d.source, text_of(n, "source")));
    assert_true(d.received_at == int_of(n, "received_at", 0));
    assert_true(d.broken_limit == int_of(n, "broken_limit", 0));
    px_dead_letter_to_avro(&d, &b);
    assert_int_equal(px_str_eq(px_buf_view(&b), bytes), canonical);
}

static void read_file(const char *name, struct px_buf *b) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", FOLDER, name);
    FILE *f = fopen(path, "rbe");
    assert_non_null(f);
    char part[4096];
    for (size_t n = fread(part, 1, sizeof part, f); n; n = fread(part, 1, sizeof part, f)) {
        px_buf_add(b, part, n);
    }
    fclose(f);
}

static void check_file(const char *name, size_t *events, size_t *letters, size_t *writers) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(1 << 20);
    PX_DEFER(px_buf_fini) struct px_buf bytes = PX_BUF_INIT(1 << 20);
    struct px_json *j = NULL;
    struct px_err err = PX_ERR_INIT;
    print_message("# %s\n", name);
    read_file(name, &text);
    if (px_json_parse(px_buf_view(&text), 1 << 20, &j, &err)) {
        fail_msg("%s: %s", name, err.msg);
    }
    const struct px_jnode *root = px_json_root(j);
    assert_true(hex_decode(text_of(root, "hex"), &bytes));
    const struct px_jnode *event = px_json_get(root, "event");
    bool canonical = px_json_bool(px_json_get(root, "canonical"));
    if (px_json_get(root, "writer")) {
        check_foreign(event, text_of(root, "writer"), px_buf_view(&bytes));
        ++*writers;
    } else if (event) {
        check_event(event, canonical, px_buf_view(&bytes));
        ++*events;
    } else {
        check_letter(px_json_get(root, "letter"), canonical, px_buf_view(&bytes));
        ++*letters;
    }
    px_json_free(j);
}

static void test_golden_vectors(void **state PX_UNUSED) {
    size_t events = 0;
    size_t letters = 0;
    size_t writers = 0;
    DIR *dir = opendir(FOLDER);
    if (!dir) {
        fail_msg("%s is missing: run from the top of the tree", FOLDER);
        return;
    }
    for (const struct dirent *d = readdir(dir); d; d = readdir(dir)) {
        size_t n = strlen(d->d_name);
        if (n > 5 && strcmp(d->d_name + n - 5, ".json") == 0) {
            check_file(d->d_name, &events, &letters, &writers);
        }
    }
    closedir(dir);
    assert_true(events >= 8 && letters >= 9 && writers >= 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
