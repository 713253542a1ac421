/* The rig of erasure; see the header. */
#include "erase_rig.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define KEY_A "a1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

void erase_rig_keys(struct erase_rig *e, const char *text) {
    FILE *f = fopen(e->keys, "w");
    assert_non_null(f);
    assert_int_equal(fchmod(fileno(f), 0600), 0);
    assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
}

void erase_rig_open(struct erase_rig *e, struct log_rig *l, const struct px_dialect *d) {
    static unsigned opened;
    memset(e, 0, sizeof *e);
    service_rig_open(&e->s, l, d);
    snprintf(e->keys, sizeof e->keys, "%s/keys-%u", proc_tmpdir(), ++opened);
    erase_rig_keys(e, KEY_A);
    service_rig_set(&e->s, "PX_Erasure__KeyFile", e->keys);
    service_rig_set(&e->s, "PX_Retention__Raw", "3650d");
    service_rig_set(&e->s, "PX_Retention__Dedupe", "3650d");
    service_rig_set(&e->s, "PX_Retention__Minutes", "3650d");
    service_rig_set(&e->s, "PX_Retention__Aggregates", "3650d");
    service_rig_set(&e->s, "PX_Batch__MaxEvents", "200");
}

void erase_rig_close(struct erase_rig *e) {
    service_rig_close(&e->s);
}

void erase_run(struct erase_rig *e, const char *bin, int status, const char *const args[5]) {
    const char *argv[] = {bin, args[0], args[1], args[2], args[3], args[4], NULL};
    int got = proc_run(argv, e->s.env, e->out, sizeof e->out);
    if (got != status) {
        fail_msg("%s %s ended with %d instead of %d: %s", args[0], args[1] ? args[1] : "", got,
                 status, e->out);
    }
}

void erase_says(const struct erase_rig *e, const char *text) {
    if (!strstr(e->out, text)) {
        fail_msg("it does not say %s: %s", text, e->out);
    }
}

void erase_once(struct erase_rig *e) {
    if (service_rig_run(&e->s, proc_bin("svc-aggregator"), "--once", 60) != 0) {
        proc_log_show(&e->s.proc);
        fail_msg("--once failed");
    }
    assert_int_equal(proc_log_count(&e->s.proc, ERASE_PLAYER "\""), 0);
    assert_int_equal(proc_log_count(&e->s.proc, ERASE_PLAYER " "), 0);
}

const char *erase_keep(struct erase_rig *e) {
    static char path[300];
    const char *from = strstr(e->out, "{\"version\":1,\"kid\"");
    assert_non_null(from);
    size_t n = strcspn(from, "\n");
    snprintf(path, sizeof path, "%s/receipt", proc_tmpdir());
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fwrite(from, 1, n, f) == n && fclose(f) == 0);
    return path;
}

/* Every text column of every table, as the database lists them: a new table is looked at too. */
int64_t erase_rows(struct erase_rig *e, const char *player) {
    static char columns[1 << 15];
    int64_t n = 0;
    sql_text(e->s.db.s,
             strcmp(e->s.db.dialect->name, "sqlite") == 0
                 ? "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c "
                   "WHERE m.type = 'table' ORDER BY 1, 2"
                 : "SELECT table_name, column_name FROM information_schema.columns WHERE "
                   "table_schema = current_schema() ORDER BY 1, 2",
             columns, sizeof columns);
    char *rest = NULL;
    size_t tables = 0;
    for (char *one = strtok_r(columns, "\n", &rest); one; one = strtok_r(NULL, "\n", &rest)) {
        char query[512], *bar = strchr(one, '|');
        assert_non_null(bar);
        *bar = '\0';
        snprintf(query, sizeof query,
                 "SELECT COUNT(*) FROM \"%s\" WHERE CAST(\"%s\" AS text) LIKE '%%%s'", one, bar + 1,
                 player);
        n += sql_int(e->s.db.s, query);
        tables++;
    }
    assert_true(tables > 60);
    return n;
}

void erase_totals(struct erase_rig *e, char out[1024]) {
    sql_text(e->s.db.s,
             "SELECT (SELECT SUM(count) FROM daily_metrics), (SELECT SUM(count) FROM "
             "event_summary), (SELECT SUM(count) FROM minute_summary), (SELECT COUNT(*) FROM "
             "minute_summary), (SELECT SUM(total_deposits) FROM players), (SELECT MIN(first_seen) "
             "FROM players), (SELECT MAX(last_event_at) FROM players), (SELECT SUM(counted) FROM "
             "partition_ledger), (SELECT COUNT(*) FROM events)",
             out, 1024);
}

static void ledger_exact(struct erase_rig *e) {
    char password[300];
    snprintf(password, sizeof password, "%s/password", proc_tmpdir());
    const char *argv[] = {proc_bin("px-ledger"),
                          "--kafka",
                          e->s.log->conf.bootstrap,
                          "--log-id",
                          "log-1",
                          "--sql-dialect",
                          e->s.db.dialect->name,
                          "--sql",
                          e->s.db.conf.connection,
                          "--erasure-keys",
                          e->keys,
                          e->s.db.conf.password[0] ? "--sql-password-file" : NULL,
                          password,
                          NULL};
    int status = proc_run(argv, e->s.env, e->out, sizeof e->out);
    if (status != 0 || !strstr(e->out, "ledger: exact")) {
        fail_msg("px-ledger: %d: %s", status, e->out);
    }
}

void erase_exact(struct erase_rig *e) {
    ERASE_RUN(e, 0, "--reconcile");
    erase_says(e, "reconcile: exact");
    ledger_exact(e);
}
