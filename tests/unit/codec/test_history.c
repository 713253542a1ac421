/* What released versions left behind (schemas/history) and this build: it must load their catalogs,
 * read their records, and know every event type that may stand in a log of theirs. */
#include <px/event_avro.h>

#include <dirent.h>
#include <stdio.h>

#include <px/catalog.h>
#include <px/rollup.h>
#include <px/validate.h>

#include "unit.h"

#define HISTORY "schemas/history"
#define MAX     (1 << 16)

static void path_of(char *to, size_t cap, const char *version, const char *file) {
    assert_true(snprintf(to, cap, HISTORY "/%s/%s", version, file) < (int)cap);
}

static void loads(const char *version, struct px_catalog **ret) {
    char path[512];
    struct px_rollups *rollups = NULL;
    struct px_err err = PX_ERR_INIT;
    path_of(path, sizeof path, version, "events.yaml");
    if (px_catalog_load(path, ret, &err)) {
        fail_msg("%s", err.msg);
    }
    path_of(path, sizeof path, version, "rollups.yaml");
    if (px_rollups_load(path, *ret, &rollups, &err)) {
        fail_msg("%s", err.msg);
    }
    px_rollups_free(rollups);
}

/* An event of each type, as that version would have written it. */
static void are_known(const struct px_catalog *then, const struct px_catalog *now) {
    for (size_t i = 0; i < px_catalog_count(then); i++) {
        struct px_event e = {.id = {.b = {1}},
                             .event_type = px_str_c(px_catalog_names(then)[i]),
                             .player_id = PX_S("p"),
                             .banner_tag = PX_S("b"),
                             .received_at = PX_US_PER_DAY};
        const struct px_event_type *type = NULL;
        struct px_issue issue = {.reason = PX_REASON_BAD_AVRO};
        if (!px_event_check(now, &e, &type, &issue)) {
            fail_msg("type %s: %s", px_catalog_names(then)[i], px_reason_code(issue.reason));
        }
    }
}

static void is_read(const char *version) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(MAX);
    char path[512];
    struct px_event_plan *plan = NULL;
    struct px_err err = PX_ERR_INIT;
    path_of(path, sizeof path, version, "avro/event.avsc");
    FILE *f = fopen(path, "rbe");
    assert_non_null(f);
    text.n = fread(px_buf_reserve(&text, MAX - 1), 1, MAX - 1, f);
    fclose(f);
    if (px_event_plan_new(px_buf_view(&text), &plan, &err)) {
        fail_msg("%s: %s", path, err.msg);
    }
    px_event_plan_free(plan);
}

static void test_history_of_every_release(void **state PX_UNUSED) {
    struct px_catalog *now = NULL;
    size_t versions = 0;
    DIR *dir = opendir(HISTORY);
    assert_non_null(dir);
    assert_int_equal(px_catalog_load("schemas/events.yaml", &now, NULL), PX_OK);
    for (const struct dirent *d = readdir(dir); d; d = readdir(dir)) {
        if (d->d_name[0] >= '0' && d->d_name[0] <= '9') {
            struct px_catalog *then = NULL;
            print_message("# %s\n", d->d_name);
            loads(d->d_name, &then);
            are_known(then, now);
            is_read(d->d_name);
            px_catalog_free(then);
            versions++;
        }
    }
    closedir(dir);
    px_catalog_free(now);
    assert_true(versions >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history_of_every_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
