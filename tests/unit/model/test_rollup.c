/* The list of aggregations: what rollups.yaml says, and every way in which the file can be wrong.
 */
#include <px/rollup.h>

#include "model_fixture.h"
#include "torture.h"
#include "unit.h"

static void test_rollups_of_the_product(void **state PX_UNUSED) {
    struct px_catalog *cat = model_catalog(MODEL_EVENTS);
    struct px_rollups *r = model_rollups(MODEL_ROLLUPS, cat);

    assert_true(px_rollups_count(r) >= 4);
    const struct px_rollup *players = px_rollups_find(r, PX_S("players"));
    assert_non_null(players);
    assert_ptr_equal(players, px_rollups_get(r, 0));
    assert_string_equal(players->table, "players");
    assert_false(players->last);
    assert_int_equal(players->nkeys, 1);
    assert_int_equal(players->keys[0].dim, PX_DIM_PLAYER);
    assert_int_equal(players->nmeasures, 5);
    assert_string_equal(players->measures[4].column, "total_deposits");
    assert_int_equal(players->measures[4].op, PX_OP_ADD);
    assert_int_equal(players->measures[4].on, PX_ON_DISTINCT);
    assert_ptr_equal(players->measures[4].when, px_catalog_find(cat, PX_S("deposit")));
    assert_true(players->measures[0].of_time);
    assert_int_equal(players->measures[0].on, PX_ON_ACCEPTED);

    const struct px_rollup *minute = px_rollups_find(r, PX_S("minute_summary"));
    assert_int_equal(minute->bucket, PX_US_PER_MIN);
    assert_int_equal(minute->keys[0].type, PX_COL_TIME);
    const struct px_rollup *daily = px_rollups_find(r, PX_S("daily_metrics"));
    assert_true(daily->last);
    assert_int_equal(daily->keys[0].type, PX_COL_DATE);
    assert_int_equal(daily->keys[1].type, PX_COL_TEXT);
    assert_int_equal(daily->measures[0].on, PX_ON_COUNTED);
    assert_null(px_rollups_find(r, PX_S("daily")));

    px_rollups_free(r);
    px_rollups_free(NULL);
    px_catalog_free(cat);
}

static const struct px_rollup *generic(const char *row, struct px_rollups **ret,
                                       const struct px_catalog *cat) {
    struct model_file f;
    model_file_copy(&f, MODEL_ROLLUPS, NULL, row);
    *ret = model_rollups(f.path, cat);
    model_file_fini(&f);
    return px_rollups_get(*ret, px_rollups_count(*ret) - 1);
}

static void test_rollups_without_table_use_the_generic_one(void **state PX_UNUSED) {
    struct px_catalog *cat = model_catalog(MODEL_EVENTS);
    struct px_rollups *list = NULL;
    const struct px_rollup *r = generic("\n  - name: player_hours\n    bucket: 1h\n"
                                        "    key: [{from: player_id}, {from: event_type}]\n"
                                        "    set: [{op: add, on: distinct}]\n",
                                        &list, cat);
    static const char *const columns[] = {"rollup", "bucket_start", "dim1", "dim2", "dim3"};
    static const enum px_dim dims[] = {PX_DIM_NAME, PX_DIM_BUCKET, PX_DIM_PLAYER, PX_DIM_TYPE,
                                       PX_DIM_EMPTY};

    assert_string_equal(r->table, "rollup_values");
    assert_int_equal(r->bucket, PX_US_PER_HOUR);
    assert_int_equal(r->nkeys, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(r->keys[i].column, columns[i]);
        assert_int_equal(r->keys[i].dim, dims[i]);
        assert_int_equal(r->keys[i].type, i == 1 ? PX_COL_TIME : PX_COL_TEXT);
    }
    assert_int_equal(r->nmeasures, 1);
    assert_string_equal(r->measures[0].column, "value");
    assert_int_equal(r->measures[0].on, PX_ON_DISTINCT);
    px_rollups_free(list);

    r = generic("\n  - name: total\n    set: [{op: add, column: value}]\n", &list, cat);
    assert_int_equal(r->bucket, PX_US_PER_DAY);
    assert_int_equal(r->keys[2].dim, PX_DIM_EMPTY);
    px_rollups_free(list);
    px_catalog_free(cat);
}

struct edit {
    const char *find, *put, *says;
};

static void refuse(const struct px_catalog *cat, const struct edit *e) {
    struct model_file f;
    struct px_rollups *r = NULL;
    struct px_err err = PX_ERR_INIT;
    model_file_copy(&f, MODEL_ROLLUPS, e->find, e->put);
    enum px_code rc = px_rollups_load(f.path, cat, &r, &err);
    model_file_fini(&f);
    if (rc != PX_CONFIG || r) {
        fail_msg("\"%s\" was accepted (%d)", e->put, rc);
    }
    if (strncmp(err.msg, "rollups.yaml: ", 14) != 0 || !strstr(err.msg, e->says)) {
        fail_msg("\"%s\": \"%s\" does not say \"%s\"", e->put, err.msg, e->says);
    }
}

#define GENERIC "\n  - name: g\n"

static void test_rollups_name_the_wrong_row(void **state PX_UNUSED) {
    static const struct edit edits[] = {
        {"op: max", "op: avg", "rollups[0] (players): set[1].op: \"avg\" is none of add, min, max"},
        {"op: min, of: time, on", "op: min, on", "set[0].of: \"one\" does not fit the op"},
        {"op: add, of: one, on", "op: add, of: time, on", "set[4].of: \"time\" does not fit"},
        {"of: one, on", "of: two, on", "set[4].of: \"two\" is neither"},
        {"on: distinct", "on: all", "set[4].on: \"all\" is none of"},
        {"when: registration", "when: registrations", "set[2].when: \"registrations\" is not an"},
        {"from: player_id", "from: session_id", "key[0].from: \"session_id\" is none of"},
        {"from: player_id", "from: traffic_class",
         "(players): key: with traffic_class or traffic_"},
        {"from: banner_tag", "from: event_type", "key[2].from: \"event_type\" is used twice"},
        {"column: player_id", "column: Player", "key[0].column: \"Player\" is no column name"},
        {"column: player_id", "column: x;drop", "is no column name"},
        {"{column: player_id, from", "{from", "key[0].column: is missing"},
        {"column: last_event_at", "column: first_seen", "\"first_seen\" is listed twice"},
        {"column: last_event_at", "column: player_id", "\"player_id\" is listed twice"},
        {"column: last_event_at", "column: a-b", "is no column name"},
        {"{column: last_event_at, op", "{op", "set[1].column: is missing"},
        {"bucket: 1m", "bucket: 60", "(minute_summary): bucket: \"60\" is not a duration"},
        {"bucket: 1m", "bucket: 7s", "must be at least 1s and divide a day"},
        {"bucket: 1m", "bucket: 10ms", "must be at least 1s"},
        {"bucket: 1m", "bucket: 2d", "must be at least 1s"},
        {"from: bucket", "from: day", "bucket: \"1m\" is set, but no key column"},
        {"last: true", "last: 1", "(daily_metrics): last: \"1\" is neither"},
        {"name: event_summary", "name: players", "rollups[1] (players): name: \"players\" is"},
        {"name: event_summary", "name: Event", "name: \"Event\" must be a lower-case"},
        {"table: event_summary", "table: players", "table: \"players\" belongs to an earlier"},
        {"table: event_summary", "table: events", "table: \"events\" is reserved"},
        {"table: event_summary", "table: px_settings", "is reserved"},
        {"table: event_summary", "table: rollup_values", "is reserved; for the generic table"},
        {"table: event_summary", "table: a b", "is no table name"},
        {NULL, "\n  - {name: g, table: g, set: [{column: v, op: add}]}\n", "key: is missing"},
        {NULL, GENERIC "    set: [{op: max, of: time}]\n", "a row without table only adds"},
        {NULL, GENERIC "    set: [{op: add}, {op: add}]\n", "exactly one measure"},
        {NULL, GENERIC "    set: [{op: add, column: count}]\n", "must be value"},
        {NULL, GENERIC "    key: [{from: day}]\n    set: [{op: add}]\n", "set bucket instead"},
        {NULL, GENERIC "    key: [{from: bucket}]\n    set: [{op: add}]\n", "set bucket instead"},
        {NULL, GENERIC "    key: [{from: player_id, column: x}]\n    set: [{op: add}]\n",
         "does not apply to a row without table"},
        {NULL,
         GENERIC "    key: [{from: day}, {from: player_id}, {from: banner_tag}, {from: bucket}]\n"
                 "    set: [{op: add}]\n",
         "at most three dimensions"},
        {NULL, GENERIC "    set: []\n", "set"},
        {NULL, GENERIC, "Missing required mapping field: set"},
        {NULL, GENERIC "    sett: 1\n", "Unexpected key: sett"},
        {NULL, "---\n", "begins a second document"},
    };
    struct px_catalog *cat = model_catalog(MODEL_EVENTS);
    for (size_t i = 0; i < PX_ARRAY_LEN(edits); i++) {
        refuse(cat, &edits[i]);
    }
    px_catalog_free(cat);
}

static enum px_code load(void *arg) {
    struct px_rollups *r = NULL;
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = px_rollups_load(MODEL_ROLLUPS, arg, &r, &err);
    px_rollups_free(r);
    return rc;
}

static void test_rollups_torture(void **state PX_UNUSED) {
    struct px_catalog *cat = model_catalog(MODEL_EVENTS);
    assert_true(torture(load, cat) > 20);
    px_catalog_free(cat);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rollups_of_the_product),
        cmocka_unit_test(test_rollups_without_table_use_the_generic_one),
        cmocka_unit_test(test_rollups_name_the_wrong_row),
        cmocka_unit_test(test_rollups_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
