/* The JSON that is written for peers: a problem document whose texts come from a request, and
 * numbers. cJSON must read it, find every text as it was (invalid bytes as U+FFFD), and a number
 * must read back as the same. */
#include "fuzz.h"

#include <px/http.h>
#include <px/jsonw.h>

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>

#define MAX    (1 << 20)
#define ERRORS 4

/* What a reader must find: each byte that begins no character is one U+FFFD. */
static bool shows(const cJSON *node, struct px_str s) {
    PX_DEFER(px_buf_fini) struct px_buf want = PX_BUF_INIT(4 * MAX);
    const char *got = cJSON_GetStringValue(node);
    while (s.n) {
        size_t n = px_utf8_char(s);
        px_buf_str(&want, n ? (struct px_str){.p = s.p, .n = n} : PX_S("\xef\xbf\xbd"));
        n = n ? n : 1;
        s = (struct px_str){.p = s.p + n, .n = s.n - n};
    }
    /* cJSON's strings end at a NUL */
    struct px_str end = px_buf_view(&want);
    end.n = px_str_find(end, '\0');
    return got && px_str_eq(px_str_c(got), end);
}

static void check_document(const struct px_problem *p) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(8 * MAX);
    px_problem_write(p, &out);
    FUZZ_CHECK(px_buf_ok(&out, NULL) == PX_OK);
    for (size_t i = 0; i < out.n; i++) {
        FUZZ_CHECK((uint8_t)out.p[i] >= 0x20); /* one line */
    }
    FUZZ_CHECK(px_utf8_valid(px_buf_view(&out)));
    cJSON *doc = cJSON_ParseWithLength(out.p, out.n);
    FUZZ_CHECK(cJSON_IsObject(doc));
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(doc, "status");
    FUZZ_CHECK(cJSON_IsNumber(status) && status->valueint == p->status);
    FUZZ_CHECK(!p->detail.n || shows(cJSON_GetObjectItemCaseSensitive(doc, "detail"), p->detail));
    FUZZ_CHECK(!p->instance.n ||
               shows(cJSON_GetObjectItemCaseSensitive(doc, "instance"), p->instance));
    const cJSON *errors = cJSON_GetObjectItemCaseSensitive(doc, "errors");
    FUZZ_CHECK(cJSON_GetArraySize(errors) == (int)p->nerrors);
    for (size_t i = 0; i < p->nerrors; i++) {
        const cJSON *e = cJSON_GetArrayItem(errors, (int)i);
        FUZZ_CHECK(shows(cJSON_GetObjectItemCaseSensitive(e, "message"), p->errors[i].message));
        FUZZ_CHECK(
            shows(cJSON_GetObjectItemCaseSensitive(e, "field"), px_str_c(p->errors[i].field)));
    }
    cJSON_Delete(doc);
}

static void check_number(const uint8_t *data, size_t size) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(256);
    struct px_jsonw w = px_jsonw_on(&out);
    double v;
    if (size < sizeof v) {
        return;
    }
    memcpy(&v, data, sizeof v);
    px_jw_double(&w, v);
    px_buf_byte(&out, '\0');
    FUZZ_CHECK(px_buf_ok(&out, NULL) == PX_OK);
    if (!isfinite(v)) {
        FUZZ_CHECK(strcmp(out.p, "null") == 0);
        return;
    }
    cJSON *n = cJSON_Parse(out.p);
    FUZZ_CHECK(cJSON_IsNumber(n));
    cJSON_Delete(n);
    double back = strtod(out.p, NULL);
    FUZZ_CHECK(!(back < v) && !(back > v));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct px_str in = {.p = (const char *)data, .n = size < 65536 ? size : 65536};
    struct px_problem_field errors[ERRORS];
    char names[ERRORS][64];
    struct px_problem p = {.status = 400, .code = "bad_json", .title = "Bad Request"};
    check_number(data, size);
    p.detail = fuzz_text(&in);
    p.instance = fuzz_text(&in);
    while (in.n && p.nerrors < ERRORS) {
        struct px_str field = fuzz_text(&in);
        field.n = field.n < sizeof names[0] ? field.n : sizeof names[0] - 1;
        /* false leaves an empty name: field names hold no NUL */
        PX_IGNORE(!px_str_copy(field, names[p.nerrors], sizeof names[0]));
        errors[p.nerrors] = (struct px_problem_field){
            .field = names[p.nerrors], .code = "too_long", .message = fuzz_text(&in)};
        p.nerrors++;
    }
    p.errors = errors;
    check_document(&p);
    return 0;
}
