/* The rig of the tests of --reconcile and --rebuild; see the header. */
#include "reconcile_rig.h"
#include "unit.h"

#include <px/event_avro.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZONE "Europe/Berlin"

/* The rollups of the product and some without a table: each op, each on, with and without when. */
static const char more_rollups[] =
    "  - name: player_hours\n"
    "    bucket: 1h\n"
    "    key: [{from: player_id}]\n"
    "    set: [{op: add, when: visit}]\n"
    "  - name: banner_deposits\n"
    "    key: [{from: banner_tag}]\n"
    "    set: [{op: add, on: distinct, when: deposit}]\n"
    "  - name: arrivals\n"
    "    bucket: 10s\n"
    "    set: [{op: add, on: accepted}]\n"
    "  - name: odds\n"
    "    bucket: 1500ms\n"
    "    key: [{from: event_type}, {from: banner_tag}, {from: player_id}]\n"
    "    set: [{op: add}]\n";

static void copy_file(const char *from, const char *to, const char *more) {
    char buf[1 << 16];
    FILE *in = fopen(from, "re");
    FILE *out = fopen(to, "we");
    assert_true(in && out);
    size_t n = fread(buf, 1, sizeof buf, in);
    assert_int_equal(fwrite(buf, 1, n, out), n);
    assert_true(fputs(more, out) >= 0);
    assert_true(fclose(in) == 0 && fclose(out) == 0);
}

static void make_schemas(const char *dir, const char *rollups, const char *more) {
    char path[400], database[400];
    if (mkdir(dir, 0700) != 0) {
        return;
    }
    snprintf(path, sizeof path, "%s/events.yaml", dir);
    copy_file("schemas/events.yaml", path, "");
    snprintf(path, sizeof path, "%s/rollups.yaml", dir);
    copy_file(rollups, path, more);
    snprintf(path, sizeof path, "%s/database", proc_tmpdir());
    char *cwd = getcwd(NULL, 0);
    snprintf(database, sizeof database, "%s/database", cwd);
    assert_true(symlink(database, path) == 0 || errno == EEXIST);
    free(cwd);
}

/* A folder schemas/ with more rollups, and database/ beside it. */
static const char *schemas(void) {
    static char dir[300];
    snprintf(dir, sizeof dir, "%s/schemas", proc_tmpdir());
    make_schemas(dir, "schemas/rollups.yaml", more_rollups);
    return dir;
}

static const char banner_days[] = "  - name: banner_days\n"
                                  "    table: banner_days\n"
                                  "    key:\n"
                                  "      - {column: event_date, from: day}\n"
                                  "      - {column: banner_tag, from: banner_tag}\n"
                                  "    set:\n"
                                  "      - {column: count, op: add, of: one}\n";

static void use(struct book *b, const char *name, const char *rollups) {
    char dir[300];
    snprintf(dir, sizeof dir, "%s/%s", proc_tmpdir(), name);
    make_schemas(dir, rollups, banner_days);
    service_rig_set(&b->env, "PX_Schemas__Directory", dir);
}

void book_remember_others(struct book *b) {
    char from[400];
    snprintf(from, sizeof from, "%s/rollups.yaml", schemas());
    use(b, "schemas-later", from);
}

void book_forget_others(struct book *b) {
    char from[400];
    snprintf(from, sizeof from, "%s/none.yaml", proc_tmpdir());
    FILE *f = fopen(from, "we");
    assert_non_null(f);
    assert_true(fputs("rollups:\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    use(b, "schemas-alone", from);
}

void book_add_table(struct book *b) {
    sql_do(b->rig.db.s, "CREATE TABLE banner_days (event_date date NOT NULL, banner_tag text NOT "
                        "NULL, count bigint NOT NULL, PRIMARY KEY (event_date, banner_tag))");
    book_remember_others(b);
}

int book_setup(void **state) {
    struct book *b = calloc(1, sizeof *b);
    struct rig *r = &b->rig;
    char path[400];
    struct px_err e = PX_ERR_INIT;
    *state = b;
    rig_open(r, rig_dialect());
    agg_core_fini(&r->core);
    px_rollups_free(r->rollups);
    snprintf(path, sizeof path, "%s/rollups.yaml", schemas());
    if (px_rollups_load(path, r->catalog, &r->rollups, &e) != PX_OK) {
        fail_msg("%s", e.msg);
    }
    sql_do(r->db.s, "DELETE FROM px_settings");
    sql_do(r->db.s, "DELETE FROM consumer_offsets");
    sql_do(r->db.s, "DELETE FROM partition_ledger");
    r->conf.sql.zone = ZONE;
    assert_int_equal(px_zone_load(ZONE, &r->zone, &e), PX_OK);
    rig_core(r, &r->core, "first");
    assert_int_equal(rig_take(r, &r->core, 0, 0, &e), PX_OK);
    service_rig_sql(&b->env, &r->db);
    service_rig_set(&b->env, "PX_Schemas__Directory", schemas());
    return 0;
}

int book_teardown(void **state) {
    struct book *b = *state;
    rig_close(&b->rig);
    free(b);
    return 0;
}

/* --- the stream ------------------------------------------------------------------------------- */
static size_t draw(struct book *b, size_t n) {
    b->seed = b->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(b->seed >> 33) % n;
}

static void add_event(struct book *b, px_us at) {
    static const char *const types[] = {"visit", "visit", "deposit", "registration"};
    static const char *const banners[] = {"b1", "b2", "ünïcode \"b\""};
    struct rig *r = &b->rig;
    char player[32], eid[32];
    size_t who = draw(b, 12);
    snprintf(player, sizeof player, "player-%zu", who);
    snprintf(eid, sizeof eid, "e%zu", draw(b, 40));
    static const char *const traffic[4][2] = {
        {"", ""}, {"human", ""}, {"bot", "ua:curl"}, {"prefetch", "x-moz"}};
    struct px_event ev = {.event_type = px_str_c(types[draw(b, 4)]),
                          .player_id = px_str_c(player),
                          .banner_tag = px_str_c(banners[draw(b, 3)]),
                          .client_event_id = draw(b, 2) ? px_str_c(eid) : (struct px_str){0},
                          .received_at = at,
                          .occurred_at =
                              draw(b, 5) ? 0 : at - (px_us)draw(b, 30) * PX_US_PER_HOUR - 1,
                          .traffic_class = px_str_c(traffic[at % 4][0]),
                          .traffic_reason = px_str_c(traffic[at % 4][1])};
    ev.id = px_uuid_next(&r->ids, at);
    PX_DEFER(px_buf_fini) struct px_buf bytes = PX_BUF_INIT(1 << 16);
    px_event_to_avro(&ev, &bytes);
    int32_t partition = (int32_t)(who % RIG_PARTITIONS);
    rig_raw(r, partition, px_buf_view(&bytes));
    if (draw(b, 20) == 0 && !b->no_copies) { /* a copy of the record, under the same event id */
        rig_raw(r, partition, px_buf_view(&bytes));
    }
    if (draw(b, 40) == 0) {
        rig_raw(r, partition, PX_S("poison"));
    }
    if (draw(b, 60) == 0) {
        rig_hole(r, partition);
        rig_add(r, &(struct rig_event){partition, "visit", player, "b1", NULL});
    }
}

void book_stream(struct book *b, size_t n) {
    struct rig *r = &b->rig;
    px_us start = INT64_C(20021) * PX_US_PER_DAY + 12 * PX_US_PER_HOUR; /* 2024-10-25 */
    px_clock_fake_advance(&r->clock, start - px_wall(&r->clock.clock));
    for (size_t i = 0; i < n; i++) {
        px_clock_fake_advance(&r->clock, 84 * PX_US_PER_HOUR / (px_us)n + (px_us)draw(b, 999));
        add_event(b, px_wall(&r->clock.clock));
        if (draw(b, 50) == 0) {
            rig_settle(r);
        }
    }
    if (!agg_batch_empty(&r->batch)) {
        rig_settle(r);
    }
    rig_ledger_holds(r);
}

/* --- the command ------------------------------------------------------------------------------ */
static int command(struct book *b, const char *a, const char *c, const char *d) {
    const char *argv[] = {proc_bin("svc-aggregator"), a, c, d, NULL};
    return proc_run(argv, b->env.env, b->out, sizeof b->out);
}

void book_run(struct book *b, int status, const char *const args[3]) {
    int got = command(b, args[0], args[1], args[2]);
    if (got != status) {
        (void)fputs(b->out, stderr); /* fail_msg cuts */
        fail_msg("%s %s %s: exit %d, wanted %d", args[0], args[1] ? args[1] : "",
                 args[2] ? args[2] : "", got, status);
    }
}

void book_says(struct book *b, const char *text) {
    if (!strstr(b->out, text)) {
        (void)fputs(b->out, stderr);
        fail_msg("nothing of \"%s\"", text);
    }
}

void book_do_page(struct book *b, const char *path, const char *day) {
    static const char example[] = "2026-11-26";
    static char page[32768];
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    size_t n = fread(page, 1, sizeof page - 1, f);
    assert_int_equal(fclose(f), 0);
    page[n] = '\0';
    char *from = strstr(page, "```sql\n"), *to = from ? strstr(from + 7, "```") : NULL;
    if (!to) {
        fail_msg("%s: no statement", path);
        return;
    }
    *to = '\0';
    for (char *at = from; day && (at = strstr(at, example)) != NULL;) {
        memcpy(at, day, sizeof example - 1);
    }
    sql_do(b->rig.db.s, from + 7);
}

void book_dump(struct book *b, char *out) {
    rig_dump(&b->rig, out, DUMP_MAX - 65536);
    size_t n = strlen(out);
    sql_text(b->rig.db.s, "SELECT * FROM rollup_values ORDER BY 1, 2, 3, 4, 5", out + n,
             DUMP_MAX - n);
}

void book_same(struct book *b) {
    const char *x = b->first, *y = b->now;
    book_dump(b, b->now);
    if (strcmp(x, y) == 0) {
        return;
    }
    size_t line = 0;
    for (size_t i = 0; x[i] == y[i]; i++) {
        line = x[i] == '\n' ? i + 1 : line;
    }
    fail_msg("was    %.200s\nbut is %.200s", x + line, y + line);
}
