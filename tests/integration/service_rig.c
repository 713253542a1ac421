/* The rig around the real binary; see the header. */
#include "service_rig.h"
#include "http_client.h"
#include "unit.h"

#include <px/event_avro.h>
#include <px/num.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void check(enum px_code code, const struct px_err *e) {
    if (code != PX_OK) {
        fail_msg("%s: %s", px_code_name(code), e->msg);
    }
}

/* --- the log
 * -------------------------------------------------------------------------------------- */
static void reported(void *arg, const struct px_report *r) {
    struct log_rig *l = arg;
    assert_int_equal(r->delivery, PX_PERSISTED);
    l->open--;
}

void log_rig_open(struct log_rig *l, int partitions, bool with_dlq) {
    struct px_err e = PX_ERR_INIT;
    *l = (struct log_rig){.mock = mock_kafka_start(1)};
    mock_kafka_topic(l->mock, SERVICE_TOPIC, partitions);
    if (with_dlq) {
        mock_kafka_topic(l->mock, SERVICE_DLQ, 1);
    }
    l->conf = (struct px_kafka_conf){.bootstrap = mock_kafka_bootstrap(l->mock),
                                     .region = "LOCAL",
                                     .org = "PX",
                                     .env = "DEV",
                                     .properties = "",
                                     .security_password = "",
                                     .key_password = ""};
    struct px_producer_conf pc = {.kafka = &l->conf,
                                  .client_id = "test",
                                  .message_timeout = 20 * PX_US_PER_S,
                                  .linger = PX_US_PER_MS,
                                  .compression = "none",
                                  .queue_messages = 100000,
                                  .report = reported,
                                  .arg = l};
    check(px_producer_open(&pc, &l->producer, &e), &e);
    check(px_producer_topic(l->producer, SERVICE_TOPIC, &l->topic, &e), &e);
}

void log_rig_close(struct log_rig *l) {
    px_producer_close(l->producer, PX_US_PER_S);
    mock_kafka_stop(l->mock);
}

static void wait_reports(struct log_rig *l) {
    long until = now_ms() + 20000;
    while (l->open > 0 && now_ms() < until) {
        struct pollfd fd = {.fd = px_producer_fd(l->producer), .events = POLLIN};
        (void)poll(&fd, 1, 50);
        px_producer_dispatch(l->producer);
    }
    assert_int_equal(l->open, 0);
}

static void send(struct log_rig *l, struct px_str key, struct px_str value) {
    struct px_err e = PX_ERR_INIT;
    struct px_record r = {.key = key, .value = value, .tag = ++l->made};
    check(px_producer_send(l->producer, l->topic, &r, &e), &e);
    l->open++;
}

void log_rig_send(struct log_rig *l, struct px_str key, struct px_str value) {
    send(l, key, value);
    wait_reports(l);
}

static void make_one(struct log_rig *l, size_t i) {
    static const char *const types[] = {"visit", "deposit", "registration"};
    static const char *const eids[] = {NULL, "e1", "e2", NULL, "e3", "e1"};
    char player[16];
    snprintf(player, sizeof player, "player-%zu", i * 13 % 37);
    px_us at = (INT64_C(20000) + (px_us)(i / 250)) * PX_US_PER_DAY + (px_us)i * PX_US_PER_S;
    struct px_event ev = {.event_type = px_str_c(types[i * 5 % 3]),
                          .player_id = px_str_c(player),
                          .banner_tag = i % 4 ? PX_S("b1") : PX_S("b2"),
                          .traffic_class = i % 3 ? PX_S("human") : PX_S("bot"),
                          .traffic_reason = i % 3 ? PX_S("") : PX_S("ua:curl"),
                          .client_event_id = px_str_c(eids[i * 11 % 6]),
                          .received_at = at};
    ev.id = px_uuid_next(&l->ids, at);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    px_event_to_avro(&ev, &b);
    send(l, px_str_c(player), i % 29 == 7 ? PX_S("poison") : px_buf_view(&b));
}

void log_rig_make(struct log_rig *l, size_t n) {
    for (size_t i = 0; i < n; i++) {
        make_one(l, (size_t)l->made);
        if (i % 500 == 499) {
            wait_reports(l);
        }
    }
    wait_reports(l);
}

/* --- the service
 * ------------------------------------------------------------------------------------ */
void service_rig_set(struct service_rig *s, const char *name, const char *value) {
    size_t n = strlen(name);
    size_t i = 0;
    while (i < s->nenv && !(strncmp(s->text[i], name, n) == 0 && s->text[i][n] == '=')) {
        i++;
    }
    assert_true(i < SERVICE_ENV);
    snprintf(s->text[i], sizeof s->text[i], "%s=%s", name, value);
    s->nenv = i < s->nenv ? s->nenv : s->nenv + 1;
    for (size_t k = 0; k < s->nenv; k++) {
        s->env[k] = s->text[k];
    }
    s->env[s->nenv] = NULL;
}

void service_rig_sql(struct service_rig *s, const struct sql_fixture *db) {
    service_rig_set(s, "PX_Sql__Dialect", db->dialect->name);
    service_rig_set(s, "PX_Sql__ConnectionString", db->conf.connection);
    if (db->conf.password[0]) {
        char path[300];
        snprintf(path, sizeof path, "%s/password", proc_tmpdir());
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(fchmod(fileno(f), 0600), 0);
        assert_true(fputs(db->conf.password, f) >= 0 && fclose(f) == 0);
        service_rig_set(s, "PX_Sql__PasswordFile", path);
        service_rig_set(s, "PX_Sql__Durability", "any"); /* the test's server has fsync off */
    }
}

void service_rig_open(struct service_rig *s, struct log_rig *l, const struct px_dialect *d) {
    *s = (struct service_rig){.log = l};
    sql_fixture_open(&s->db, d);
    service_rig_set(s, "PX_Kafka__BootstrapServers", l->conf.bootstrap);
    service_rig_set(s, "PX_Kafka__LogId", "log-1");
    service_rig_set(s, "PX_Kafka__SessionTimeout", "6s");
    service_rig_set(s, "PX_Admin__Port", "0");
    service_rig_sql(s, &s->db);
    service_rig_set(s, "PX_Batch__MaxEvents", "25");
    service_rig_set(s, "PX_Batch__MaxDelay", "50ms");
    service_rig_set(s, "PX_Dlq__Timeout", "2s");
}

void service_rig_close(struct service_rig *s) {
    (void)proc_stop(&s->proc);
    sql_fixture_close(&s->db);
}

void service_rig_start(struct service_rig *s, const char *bin, const char *arg) {
    static unsigned starts;
    if (!s->keep_group) {
        snprintf(s->group, sizeof s->group, "group-%u", ++starts);
    }
    service_rig_set(s, "PX_Kafka__GroupId", s->group);
    const char *argv[] = {bin, arg, NULL};
    proc_start(&s->proc, argv, s->env);
}

int service_rig_run(struct service_rig *s, const char *bin, const char *arg, int seconds) {
    service_rig_start(s, bin, arg);
    return proc_wait(&s->proc, seconds);
}

bool service_rig_until(struct service_rig *s, const char *query, int64_t want, int seconds) {
    long until = now_ms() + seconds * 1000L;
    while (sql_int(s->db.s, query) != want) {
        if (now_ms() > until) {
            proc_log_show(&s->proc);
            return false;
        }
        pause_ms(20);
    }
    return true;
}

void service_rig_holds(struct service_rig *s) {
    assert_int_equal(sql_int(s->db.s, SERVICE_NEXT_SUM), SERVICE_EVENTS);
    assert_int_equal(
        sql_int(s->db.s, "SELECT SUM(next_offset - first_offset + rewound - counted - repeated - "
                         "duplicate - conflict - excluded - late - erased - dead_lettered - hole - "
                         "gap) FROM partition_ledger"),
        0);
    assert_int_equal(sql_int(s->db.s, "SELECT SUM(count) FROM daily_metrics"),
                     sql_int(s->db.s, "SELECT SUM(counted) FROM partition_ledger"));
}

void service_rig_ready(int port, int want) {
    struct http_answer a;
    long until = now_ms() + 30000;
    int status = 0;
    while (status != want && now_ms() < until) {
        http_get(port, "/readyz", &a);
        status = a.status;
        http_answer_fini(&a);
        pause_ms(50);
    }
    assert_int_equal(status, want);
}

void service_rig_metric(int port, const char *line) {
    long until = now_ms() + 10000;
    for (;;) {
        struct http_answer a;
        http_get(port, "/metrics", &a);
        bool found = a.status == 200 && strstr(a.body, line);
        http_answer_fini(&a);
        if (found) {
            return;
        }
        if (now_ms() > until) {
            fail_msg("/metrics does not hold: %s", line);
        }
        pause_ms(50);
    }
}

int service_rig_setup(void **state) {
    struct log_rig *l = calloc(1, sizeof *l);
    assert_non_null(l);
    *state = l;
    log_rig_open(l, SERVICE_PARTITIONS, true);
    log_rig_make(l, SERVICE_EVENTS);
    return 0;
}

int service_rig_teardown(void **state) {
    log_rig_close(*state);
    free(*state);
    return 0;
}

void service_rig_dump(struct service_rig *s, char *out, size_t cap) {
    static const char *const queries[] = {
        "SELECT id, player_id, event_type, banner_tag, created_at, client_event_id, disposition, "
        "\"partition\", \"offset\" FROM events ORDER BY id",
        "SELECT * FROM daily_metrics ORDER BY 1, 2",
        "SELECT * FROM event_summary ORDER BY 1, 2, 3",
        "SELECT * FROM class_summary ORDER BY 1, 2, 3, 4, 5",
        "SELECT * FROM minute_summary ORDER BY 1, 2, 3",
        "SELECT * FROM players ORDER BY 1",
        "SELECT log_id, partition_id, next_offset, max_event_at FROM consumer_offsets ORDER BY 1, "
        "2",
        "SELECT * FROM partition_ledger ORDER BY 1, 2, 3",
        "SELECT * FROM dedupe_event ORDER BY 1, 2",
        "SELECT * FROM dedupe_day ORDER BY 1, 2, 3",
    };
    size_t n = 0;
    for (size_t i = 0; i < PX_ARRAY_LEN(queries); i++) {
        sql_text(s->db.s, queries[i], out + n, cap - n - 2);
        n += strlen(out + n);
        out[n++] = '\n';
        out[n] = '\0';
    }
}
