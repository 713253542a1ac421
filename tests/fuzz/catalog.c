/* See catalog.h. */
#include "catalog.h"

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

const struct px_catalog *fuzz_catalog(void) {
    static struct px_catalog *cat;
    struct px_err err = PX_ERR_INIT;
    if (!cat && px_catalog_load("schemas/events.yaml", &cat, &err)) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    return cat;
}

static bool clean(struct px_str s, size_t max) {
    return s.n <= max && px_utf8_valid(s) && (s.n == 0 || !memchr(s.p, '\0', s.n));
}

static void check_event(const struct px_event *e) {
    FUZZ_CHECK(px_catalog_find(fuzz_catalog(), e->event_type));
    FUZZ_CHECK(e->player_id.n >= 1 && clean(e->player_id, PX_ID_MAX));
    FUZZ_CHECK(e->banner_tag.n >= 1 && clean(e->banner_tag, PX_ID_MAX));
    FUZZ_CHECK(clean(e->client_event_id, PX_ID_MAX) && clean(e->session_id, PX_ID_MAX));
    for (size_t i = 0; i < e->nattrs; i++) {
        FUZZ_CHECK(e->attrs[i].kind != PX_ATTR_TEXT || clean(e->attrs[i].text, 1 << 16));
        FUZZ_CHECK(i == 0 || px_str_cmp(e->attrs[i - 1].name, e->attrs[i].name) < 0);
    }
}

bool fuzz_judge(const struct ing_fields *f, struct px_arena *arena, struct px_event *ret) {
    static const struct px_validate_policy policy = {.max_age = 3 * 86400 * PX_US_PER_S,
                                                     .max_future = 300 * PX_US_PER_S};
    const struct px_validate_args args = {
        .catalog = fuzz_catalog(), .policy = &policy, .arena = arena};
    struct px_verdict v = f->early;
    *ret = (struct px_event){.id = {{1}}, .received_at = INT64_C(1795255200123456)};
    if (px_validate(&args, &f->raw, ret, &v)) {
        return false;
    }
    FUZZ_CHECK(v.nissues == 0);
    check_event(ret);
    return true;
}
