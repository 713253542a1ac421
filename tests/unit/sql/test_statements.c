/* Rendered SQL, as a reviewer wants to see it: tests/golden/sql/<dialect>.sql holds every statement
 * and a sample of each set-based one. PX_GOLDEN=write (`make golden`) refreshes the files. */
#include <px/recount.h>
#include <px/expiry.h>
#include <px/statements.h>
#include <px/unlink.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const columns[] = {"event_date", "banner_tag", "id",    "count",
                                      "first_seen", "last_seen",  "offset"};
static const enum px_column types[] = {PX_COL_DATE, PX_COL_TEXT, PX_COL_UUID, PX_COL_INT,
                                       PX_COL_TIME, PX_COL_TIME, PX_COL_INT};
static const enum px_op ops[] = {PX_OP_ADD, PX_OP_MIN, PX_OP_MAX, PX_OP_MAX};
static const struct px_table_stmt sample = {.table = "sample",
                                            .columns = columns,
                                            .types = types,
                                            .ncolumns = PX_ARRAY_LEN(columns),
                                            .nkeys = 3,
                                            .ops = ops,
                                            .returning = columns,
                                            .nreturning = 5};

static const struct px_recount recount_days = {
    .name = "sample_days",
    .table = "sample",
    .keys = {{.column = "event_date", .from = PX_RECOUNT_DAY},
             {.column = "banner_tag", .from = PX_RECOUNT_COLUMN, .of = "banner_tag"}},
    .nkeys = 2,
    .measures = {{.column = "count", .op = PX_OP_ADD, .on = PX_ON_COUNTED}},
    .nmeasures = 1,
    .since = -1};
static const struct px_recount recount_buckets = {
    .name = "sample_buckets",
    .table = "rollup_values",
    .bucket = 10 * PX_US_PER_S,
    .keys = {{.column = "rollup", .from = PX_RECOUNT_NAME},
             {.column = "bucket_start", .from = PX_RECOUNT_BUCKET},
             {.column = "dim1", .from = PX_RECOUNT_CONSTANT}},
    .nkeys = 3,
    .measures = {{.column = "value", .op = PX_OP_ADD, .on = PX_ON_DISTINCT, .when = "deposit"}},
    .nmeasures = 1,
    .since = -1};
static const struct px_recount recount_keys = {
    .name = "sample_keys",
    .table = "sample",
    .keys = {{.column = "player_id", .from = PX_RECOUNT_COLUMN, .of = "player_id"}},
    .nkeys = 1,
    .measures = {{.column = "first_seen", .op = PX_OP_MIN, .of_time = true, .on = PX_ON_ACCEPTED},
                 {.column = "last_seen", .op = PX_OP_MAX, .of_time = true, .on = PX_ON_ACCEPTED}},
    .nmeasures = 2,
    .since = 0};
static const struct px_expiry walking = {.table = "sample",
                                         .keys = columns,
                                         .types = types,
                                         .nkeys = 5,
                                         .bound = "id",
                                         .bound_type = PX_COL_UUID,
                                         .guard = "last_seen",
                                         .walks = true};
static const struct px_expiry plain = {.table = "sample",
                                       .keys = columns + 3,
                                       .types = types + 3,
                                       .nkeys = 1,
                                       .bound = "event_date",
                                       .bound_type = PX_COL_DATE};

/* The semicolon, unless the statement needs one itself. */
static void end(struct px_buf *out) {
    px_buf_c(out, out->n > 0 && out->p[out->n - 1] == ';' ? "\n" : ";\n");
}

static void title(struct px_buf *out, const char *name) {
    px_buf_printf(out, "\n-- %s\n", name);
}

static void recount(const struct px_dialect *d, const char *what, const struct px_recount *r,
                    struct px_recount_shape shape, struct px_buf *out) {
    struct px_recount_text text;
    px_recount_init(&text);
    px_recount_render(&text, r, &shape, d);
    px_buf_printf(out, "\n-- recount: %s\n", what);
    px_buf_str(out, px_buf_view(&text.sql));
    end(out);
    px_recount_fini(&text);
}

static void render_recounts(const struct px_dialect *d, struct px_buf *out) {
    recount(d, "compare a day", &recount_days, (struct px_recount_shape){.what = PX_RECOUNT_TALLY},
            out);
    recount(d, "rows of buckets that differ", &recount_buckets,
            (struct px_recount_shape){.what = PX_RECOUNT_ROWS, .limit = 100}, out);
    recount(d, "remove what is too many of a day", &recount_days,
            (struct px_recount_shape){.what = PX_RECOUNT_REMOVE}, out);
    recount(d, "put given keys right, first seen in a span", &recount_keys,
            (struct px_recount_shape){
                .what = PX_RECOUNT_STORE, .by_since = true, .partial = true, .given = true},
            out);
}

static const struct px_recount unlink_shared = {
    .name = "sample_players",
    .table = "rollup_values",
    .bucket = 10 * PX_US_PER_S,
    .keys = {{.column = "rollup", .from = PX_RECOUNT_NAME},
             {.column = "bucket_start", .from = PX_RECOUNT_BUCKET},
             {.column = "dim1", .from = PX_RECOUNT_COLUMN, .of = "player_id"}},
    .nkeys = 3,
    .measures = {{.column = "value", .op = PX_OP_ADD, .on = PX_ON_COUNTED}},
    .nmeasures = 1,
    .since = -1};

static void render_unlinks(const struct px_dialect *d, struct px_buf *out) {
    static const struct px_recount *const samples[] = {&recount_keys, &unlink_shared};
    for (size_t i = 0; i < 2; i++) {
        title(out, i ? "a player out of a shared table" : "a player out of a sample table");
        px_unlink_merge(d, samples[i], out);
        end(out);
        px_unlink_remove(d, samples[i], out);
        end(out);
        px_unlink_count(d, samples[i], out);
        end(out);
        px_unlink_ids(d, samples[i], out);
        end(out);
    }
}

/* What a dialect holds as a whole text. */
static void render_fixed(const struct px_dialect *d, struct px_buf *out) {
    const struct {
        const char *name, *text;
    } rows[] = {
        {"begin to write", d->begin_write},
        {"begin to read", d->begin_read},
        {"roll back", d->rollback},
        {"be patient", d->patient},
        {"lock progress", d->lock_progress},
        {"columns of a table", d->columns_of},
        {"columns of all tables", d->columns},
        {"make the book", d->book_make},
        {"extend the book", d->book_extend},
        {"note in the book", d->book_note},
        {"account", d->account},
        {"rights", d->rights},
        {"negotiated TLS", d->tls},
        {"durability", d->durable},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        if (rows[i].text) {
            title(out, rows[i].name);
            px_buf_c(out, rows[i].text);
            end(out);
        }
    }
}

static void render_all(const struct px_dialect *d, struct px_buf *out) {
    px_buf_printf(out, "-- Every statement as rendered for %s, generated by `make golden`.\n",
                  d->name);
    title(out, "claim of a sample table");
    d->claim(d, &sample, out);
    end(out);
    title(out, "upsert of a sample table");
    d->upsert(d, &sample, out);
    end(out);
    title(out, "append to a sample table");
    d->append(d, &sample, out);
    end(out);
    title(out, "lookup in a sample table");
    d->lookup(d, &sample, out);
    end(out);
    for (size_t i = 0; i < 2; i++) {
        const struct px_expiry *x = i ? &plain : &walking;
        title(out, i ? "old rows of a sample table" : "old rows of a sample table, with all parts");
        px_expiry_pick(d, x, out);
        end(out);
        px_expiry_remove(d, x, out);
        end(out);
        px_expiry_count(d, x, out);
        end(out);
    }
    title(out, "fence");
    d->fence(d, out);
    end(out);
    for (size_t i = 0; i < PX_STATEMENTS; i++) {
        title(out, px_statement_name((enum px_statement)i));
        px_statement_render((enum px_statement)i, d, out);
        end(out);
    }
    render_recounts(d, out);
    render_unlinks(d, out);
    render_fixed(d, out);
}

static void test_statements_match_the_golden_files(void **state) {
    (void)state;
    const char *mode = getenv("PX_GOLDEN");
    const struct px_dialect *d;
    for (size_t i = 0; (d = px_dialect_get(i)); i++) {
        char path[128];
        static char want[1 << 16];
        PX_DEFER(px_buf_fini) struct px_buf got = PX_BUF_INIT(sizeof want);
        render_all(d, &got);
        (void)snprintf(path, sizeof path, "tests/golden/sql/%s.sql", d->name);
        FILE *f = fopen(path, mode ? "we" : "re");
        assert_non_null(f);
        if (mode) {
            assert_int_equal(fwrite(got.p, 1, got.n, f), got.n);
        } else {
            struct px_str w = {.p = want, .n = fread(want, 1, sizeof want, f)};
            if (!px_str_eq(px_buf_view(&got), w)) {
                fail_msg("%s is out of date; run `make golden` and review the change", path);
            }
        }
        assert_int_equal(fclose(f), 0);
    }
}

static void test_statements_leave_no_mark(void **state) {
    (void)state;
    const struct px_dialect *d;
    for (size_t i = 0; (d = px_dialect_get(i)); i++) {
        PX_DEFER(px_buf_fini) struct px_buf got = PX_BUF_INIT(1 << 16);
        render_all(d, &got);
        assert_false(got.failed);
        struct px_str all = px_buf_view(&got);
        assert_int_equal(px_str_find(all, '{'), all.n);
        assert_int_equal(px_str_find(all, '}'), all.n);
    }
}

static size_t marks(const struct px_buf *sql) {
    size_t n = 0;
    for (size_t i = 0; i < sql->n; i++) {
        n += sql->p[i] == '?' ? 1 : 0;
    }
    return n;
}

/* Those that send rows as one text take the same parameters, however a statement is worded. */
static void test_parameters_are_the_same(void **state) {
    (void)state;
    const struct px_dialect *a = px_dialect_find(PX_S("sqlite"));
    const struct px_dialect *b = px_dialect_find(PX_S("sqlserver"));
    for (size_t i = 0; i < PX_STATEMENTS; i++) {
        PX_DEFER(px_buf_fini) struct px_buf x = PX_BUF_INIT(1 << 16);
        PX_DEFER(px_buf_fini) struct px_buf y = PX_BUF_INIT(1 << 16);
        px_statement_render((enum px_statement)i, a, &x);
        px_statement_render((enum px_statement)i, b, &y);
        if (marks(&x) != marks(&y) || marks(&y) > PX_SQL_MAX_PARAMS) {
            fail_msg("%s: %zu and %zu parameters", px_statement_name((enum px_statement)i),
                     marks(&x), marks(&y));
        }
    }
    for (size_t i = 0; i < 2; i++) {
        PX_DEFER(px_buf_fini) struct px_buf x = PX_BUF_INIT(1 << 16);
        PX_DEFER(px_buf_fini) struct px_buf y = PX_BUF_INIT(1 << 16);
        px_expiry_pick(a, i ? &plain : &walking, &x);
        px_expiry_remove(a, i ? &plain : &walking, &x);
        px_expiry_pick(b, i ? &plain : &walking, &y);
        px_expiry_remove(b, i ? &plain : &walking, &y);
        assert_int_equal(marks(&x), marks(&y));
    }
}

static void test_dialects_are_found_by_name_and_index(void **state) {
    (void)state;
    assert_string_equal(px_dialect_get(0)->name, "sqlite");
    assert_string_equal(px_dialect_get(1)->name, "postgresql");
    assert_string_equal(px_dialect_get(2)->name, "sqlserver");
    assert_null(px_dialect_get(3));
    assert_ptr_equal(px_dialect_find(PX_S("postgresql")), px_dialect_get(1));
    assert_null(px_dialect_find(PX_S("postgres")));
    assert_null(px_dialect_find(PX_S("")));
}

static void test_statements_that_take_rows_say_so(void **state) {
    (void)state;
    assert_int_equal(px_statement_rows(PX_ST_OFFSETS_TOUCH)->ncolumns, 6);
    assert_null(px_statement_rows(PX_ST_DAILY));
    for (size_t i = 0; i < PX_STATEMENTS; i++) {
        const struct px_table_stmt *t = px_statement_rows((enum px_statement)i);
        assert_true(!t || t->ncolumns <= PX_SQL_MAX_PARAMS);
        assert_non_null(px_statement_name((enum px_statement)i));
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statements_match_the_golden_files),
        cmocka_unit_test(test_statements_leave_no_mark),
        cmocka_unit_test(test_parameters_are_the_same),
        cmocka_unit_test(test_dialects_are_found_by_name_and_index),
        cmocka_unit_test(test_statements_that_take_rows_say_so),
    };
    return cmocka_run_group_tests_name("statements", tests, NULL, NULL);
}
