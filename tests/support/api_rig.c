/* The seeded database and the service of the API tests: see api_rig.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "api_rig.h"

#include <px/clock.h>
#include <px/migrate.h>

#include "http_client.h"
#include "postgres.h"

/* --- one of each dialect
 * --------------------------------------------------------------------------- */

void api_rig_sqlite(struct api_rig *f, const char *name) {
    *f = (struct api_rig){.dialect = "sqlite"};
    snprintf(f->connection, sizeof(f->connection), "Driver={SQLite3};Database=%s/%s.db",
             proc_tmpdir(), name);
    f->conf = (struct px_sql_conf){.dialect = 0,
                                   .connection = f->connection,
                                   .password = "",
                                   .statement_timeout = 20 * PX_US_PER_S,
                                   .lock_timeout = 5 * PX_US_PER_S,
                                   .zone = "UTC"};
}

void api_rig_postgres(struct api_rig *f) {
    *f = (struct api_rig){.dialect = "postgresql"};
    test_pg_conf(&f->conf);
}

/* --- seeding
 * ----------------------------------------------------------------------------------------- */

void api_rig_exec(struct api_rig *f, const char *fmt, ...) {
    char text[2048];
    struct px_err err = PX_ERR_INIT;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (px_sql_exec(f->sql, px_str_c(text), &err)) {
        fail_msg("%s: %s", text, err.msg);
    }
}

/* Counts of day i: visits 10 + i % 7, registrations i % 5, deposits i % 3. */
int64_t api_rig_count(const char *type, int64_t i) {
    return type[0] == 'v' ? 10 + i % 7 : type[0] == 'r' ? i % 5 : i % 3;
}

static void seed_days(struct api_rig *f) {
    static const char *const types[] = {"visit", "registration", "deposit"};

    api_rig_exec(f, "BEGIN");
    for (int64_t i = 0; i < API_RIG_DAYS; i++) {
        char day[PX_TIME_TEXT];

        px_fmt_date(f->first + (px_day)i, day);
        for (size_t t = 0; t < PX_ARRAY_LEN(types); t++) {
            int64_t n = api_rig_count(types[t], i);

            if (n == 0) {
                continue;
            }
            api_rig_exec(f, "INSERT INTO daily_metrics VALUES ('%s', '%s', %d)", day, types[t],
                         (int)n);
            api_rig_exec(f, "INSERT INTO event_summary VALUES ('%s', '%s', 'spring', 1)", day,
                         types[t]);
            if (n > 1) {
                api_rig_exec(f,
                             "INSERT INTO event_summary VALUES ('%s', '%s', 'sommer \xc3\xbc', %d)",
                             day, types[t], (int)n - 1);
            }
        }
    }
    api_rig_exec(f, "COMMIT");
}

static void seed_minutes(struct api_rig *f) {
    const char *zone = f->dialect[0] == 'p' ? "+00" : "";

    api_rig_exec(f, "INSERT INTO minute_summary VALUES ('%s 00:00:00%s%s', 'visit', 'spring', 3)",
                 f->today, f->dialect[0] == 'p' ? "" : ".000000", zone);
    api_rig_exec(f, "INSERT INTO minute_summary VALUES ('%s 00:01:00%s%s', 'visit', 'spring', 4)",
                 f->today, f->dialect[0] == 'p' ? "" : ".000000", zone);
    api_rig_exec(f, "INSERT INTO minute_summary VALUES ('%s 01:30:00%s%s', 'deposit', 'x', 5)",
                 f->today, f->dialect[0] == 'p' ? "" : ".000000", zone);
}

/* One partition caught up, looked at on the given instant. */
void api_rig_progress(struct api_rig *f, const char *looked_at, int lag) {
    const char *form = f->dialect[0] == 'p' ? "+00" : ".000000";

    api_rig_exec(f, "DELETE FROM consumer_offsets");
    api_rig_exec(
        f,
        "INSERT INTO consumer_offsets (log_id, topic, partition_id, next_offset, epoch, owner, "
        "revision, high_watermark, looked_at, max_event_at) VALUES ('log', 'topic', 0, 100, 1, "
        "'me', 7, %d, '%s%s', '2026-01-01 00:00:00%s')",
        100 + lag, looked_at, form, form);
    /* a former log, long dead, must not hold the watermark back */
    api_rig_exec(
        f,
        "INSERT INTO consumer_offsets (log_id, topic, partition_id, next_offset, epoch, owner, "
        "revision, high_watermark, looked_at, max_event_at) VALUES ('old', 'topic', 0, 5, 1, "
        "'me', 3, 50, '2020-01-01 00:00:00%s', NULL)",
        form);
}

void api_rig_seed(struct api_rig *f) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(65536);
    struct px_err err = PX_ERR_INIT;

    if ((!f->sql && px_sql_open(&f->conf, PX_SQL_WRITE, &f->sql, &err)) ||
        px_migrate_up(f->sql, "database", &out, &err)) {
        fail_msg("%s: %s", f->conf.connection, err.msg);
    }
    assert_true(px_parse_date(PX_S("2025-01-01"), &f->first));
    px_fmt_date(px_day_of(px_wall(&px_clock_system)), f->today);
    api_rig_exec(f, "INSERT INTO px_settings VALUES ('day_zone', 'UTC')");
    api_rig_exec(
        f,
        "INSERT INTO rollup_values VALUES ('by_type', '2025-01-01 00:00:00%s', 'visit', '', '', 9)",
        f->dialect[0] == 'p' ? "+00" : ".000000");
    seed_days(f);
    seed_minutes(f);
    api_rig_progress(f, "2025-06-01 00:00:00", 0);
}

/* The schemas of the tree, and one generic rollup more; the migrations lie beside them. */
static void make_schemas(char *dir, size_t cap) {
    char command[1024];

    snprintf(dir, cap, "%s/schemas", proc_tmpdir());
    snprintf(command, sizeof(command),
             "test -d %s || { cp -r schemas database %s && printf '\\n  - name: by_type\\n    key: "
             "[{from: event_type}]\\n    set: [{op: add}]\\n' >>%s/rollups.yaml; }",
             dir, proc_tmpdir(), dir);
    const char *argv[] = {"/bin/sh", "-c", command, NULL};
    char out[512];
    if (proc_run(argv, NULL, out, sizeof(out)) != 0) {
        fail_msg("%s", out);
    }
}

void api_rig_start(struct api_rig *f) {
    const char *argv[] = {proc_bin("svc-metrics-api"), NULL};
    char schemas[300];

    make_schemas(schemas, sizeof(schemas));

    snprintf(f->settings[0], sizeof(f->settings[0]), "PX_Sql__Dialect=%s", f->dialect);
    snprintf(f->settings[1], sizeof(f->settings[1]), "PX_Sql__ConnectionString=%s",
             f->conf.connection);
    snprintf(f->settings[2], sizeof(f->settings[2]), "PX_Api__Port=0");
    snprintf(f->settings[3], sizeof(f->settings[3]), "PX_Admin__Port=0");
    snprintf(f->settings[4], sizeof(f->settings[4]), "PX_Schemas__Directory=%s", schemas);
    snprintf(f->settings[5], sizeof(f->settings[5]), "PX_Sql__Password=%s", f->conf.password);
    for (size_t i = 0; i < PX_ARRAY_LEN(f->settings) && f->settings[i][0]; i++) {
        f->env[i] = f->settings[i];
    }
    proc_start(&f->api, argv, f->env);
    f->port = (int)proc_log_int(&f->api, "http.listening", "server.port", 20);
    if (f->port <= 0) {
        proc_log_show(&f->api);
        fail_msg("svc-metrics-api did not start");
    }
}

void api_rig_close(struct api_rig *f) {
    if (f->api.pid > 0) {
        assert_int_equal(proc_stop(&f->api), 0);
    }
    px_sql_close(f->sql);
    f->sql = NULL;
}

/* --- one group per database
 * ------------------------------------------------------------------------------ */

static struct {
    struct api_rig rig;
    void (*more)(struct api_rig *f);
} group;

void api_rig_seed_also(void (*more)(struct api_rig *f)) {
    group.more = more;
}

static int begin(void **state) {
    api_rig_seed(&group.rig);
    if (group.more) {
        group.more(&group.rig);
    }
    api_rig_start(&group.rig);
    *state = &group.rig;
    return 0;
}

int api_rig_setup_sqlite(void **state) {
    api_rig_sqlite(&group.rig, "api");
    return begin(state);
}

int api_rig_setup_postgres(void **state) {
    api_rig_postgres(&group.rig);
    return begin(state);
}

int api_rig_teardown(void **state) {
    api_rig_close(*state);
    return 0;
}

/* --- asking
 * ------------------------------------------------------------------------------------------- */

struct api_answer api_rig_ask(struct api_rig *f, const char *target) {
    struct api_answer a = {.status = 0};
    struct http_answer h;
    struct px_err err = PX_ERR_INIT;

    http_get(f->port, target, &h);
    a.status = h.status;
    snprintf(a.text, sizeof(a.text), "%s", h.body);
    if (h.body_n > 0 &&
        px_json_parse((struct px_str){.p = h.body, .n = h.body_n}, 8 << 20, &a.json, &err)) {
        fail_msg("%s: %s: %s", target, err.msg, a.text);
    }
    if (a.json) {
        a.data = px_json_get(px_json_root(a.json), "data");
        a.meta = px_json_get(px_json_root(a.json), "meta");
        a.page = px_json_get(px_json_root(a.json), "page");
    }
    http_field(&h, "Link", a.link, sizeof(a.link));
    http_field(&h, "X-Error-Code", a.code, sizeof(a.code));
    http_answer_fini(&h);
    return a;
}

int64_t json_int_of(const struct px_jnode *n, const char *name) {
    int64_t v = -1;

    if (!px_json_int(px_json_get(n, name), &v)) {
        fail_msg("member %s is not an integer", name);
    }
    return v;
}

size_t json_length_of(const struct px_jnode *list) {
    size_t n = 0;

    for (const struct px_jnode *c = px_json_first(list); c; c = px_json_next(c)) {
        n++;
    }
    return n;
}
