/* See ingest_rig.h. The log is read with a plain assigned consumer: no group, no waiting for one.
 */
#include "ingest_rig.h"

#include "unit.h"

#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RIG_SETS 12

static const char *rig_set(char *out, size_t cap, const char *key, const char *value) {
    snprintf(out, cap, "%s=%s", key, value);
    return out;
}

void ingest_rig_open(struct ingest_rig *r, const char *const *sets) {
    static const char *const basics[] = {"Ingest:Port=0", "Admin:Port=0", "Ingest:Workers=1",
                                         "Kafka:MessageTimeout=2s"};
    const char *argv[2 * (RIG_SETS + 6) + 2];
    char bootstrap[300];
    size_t n = 0;

    memset(r, 0, sizeof *r);
    r->mock = mock_kafka_start(1);
    mock_kafka_topic(r->mock, INGEST_RIG_TOPIC, 4);
    mock_kafka_topic(r->mock, INGEST_RIG_DLQ, 1);
    argv[n++] = proc_bin("svc-ingest");
    argv[n++] = "--set";
    argv[n++] = rig_set(bootstrap, sizeof bootstrap, "Kafka:BootstrapServers",
                        mock_kafka_bootstrap(r->mock));
    for (size_t i = 0; i < PX_ARRAY_LEN(basics); i++) {
        argv[n++] = "--set";
        argv[n++] = basics[i];
    }
    for (size_t i = 0; sets && sets[i]; i++) {
        px_assert(i < RIG_SETS);
        argv[n++] = "--set";
        argv[n++] = sets[i];
    }
    argv[n] = NULL;
    proc_start(&r->proc, argv, NULL);
    r->port = (int)proc_log_int(&r->proc, "ingest.listening", "server.port", 10);
    r->admin = (int)proc_log_int(&r->proc, "ingest.listening", "admin.port", 10);
    if (r->port <= 0 || r->admin <= 0) {
        proc_log_show(&r->proc);
        fail_msg("svc-ingest did not start");
    }
}

void ingest_rig_close(struct ingest_rig *r) {
    int status = proc_stop(&r->proc);

    if (status) {
        proc_log_show(&r->proc);
    }
    mock_kafka_stop(r->mock);
    assert_int_equal(status, 0);
}

struct ingest_said ingest_rig_ask(const struct ingest_rig *r, const struct ingest_ask *a) {
    struct http_request req = {.method = a->method ? a->method : "GET",
                               .target = a->target,
                               .fields = a->fields,
                               .body = a->body,
                               .body_n = a->body_n};
    struct http_answer ans;
    struct ingest_said s = {0};
    long from = now_ms();

    http_ask(r->port, &req, &ans);
    s.ms = now_ms() - from;
    s.status = ans.status;
    http_field(&ans, "X-Error-Code", s.code, sizeof s.code);
    http_field(&ans, "X-Event-Id", s.id, sizeof s.id);
    http_field(&ans, "X-Received-At", s.received, sizeof s.received);
    http_field(&ans, "X-Client-Event-Id", s.client, sizeof s.client);
    http_field(&ans, "Content-Type", s.type, sizeof s.type);
    http_field(&ans, "Allow", s.allow, sizeof s.allow);
    http_field(&ans, "Retry-After", s.retry, sizeof s.retry);
    snprintf(s.head, sizeof s.head, "%s", ans.head);
    snprintf(s.body, sizeof s.body, "%s", ans.body);
    s.body_n = ans.body_n;
    s.gif = ans.body_n == INGEST_RIG_GIF && memcmp(ans.body, "GIF89a", 6) == 0;
    http_answer_fini(&ans);
    return s;
}

struct ingest_said ingest_rig_get(const struct ingest_rig *r, const char *target) {
    struct ingest_ask a = {.target = target};

    return ingest_rig_ask(r, &a);
}

struct ingest_said ingest_rig_post(const struct ingest_rig *r, const char *fields,
                                   const char *body) {
    struct ingest_ask a = {
        .method = "POST", .target = "/api/events", .fields = fields, .body = body};

    return ingest_rig_ask(r, &a);
}

void ingest_rig_holds(const char *text, const char *want) {
    if (!strstr(text, want)) {
        fail_msg("no %s in:\n%s", want, text);
    }
}

void ingest_rig_lacks(const char *text, const char *stray) {
    if (strstr(text, stray)) {
        fail_msg("there is %s in:\n%s", stray, text);
    }
}

long ingest_rig_metric(const struct ingest_rig *r, const char *series) {
    struct http_answer a;
    size_t n = strlen(series);
    long v = 0;

    http_get(r->admin, "/metrics", &a);
    for (const char *line = a.body; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, series, n) == 0 && line[n] == ' ') {
            v = strtol(line + n, NULL, 10);
            break;
        }
    }
    http_answer_fini(&a);
    return v;
}

bool ingest_rig_metric_until(const struct ingest_rig *r, const char *series, long want,
                             int seconds) {
    long end = now_ms() + seconds * 1000L;

    while (ingest_rig_metric(r, series) < want) {
        if (now_ms() > end) {
            return false;
        }
        pause_ms(20);
    }
    return true;
}

long ingest_rig_ready_until(const struct ingest_rig *r, int status, int seconds) {
    long from = now_ms();

    for (;;) {
        struct http_answer a;
        http_get(r->admin, "/readyz", &a);
        int got = a.status;
        http_answer_fini(&a);
        if (got == status) {
            return now_ms() - from;
        }
        if (now_ms() - from > seconds * 1000L) {
            return -1;
        }
        pause_ms(20);
    }
}

/* --- the log ------------------------------------------------------------------------------------
 */

static rd_kafka_t *rig_consumer(const char *bootstrap) {
    char text[256];
    rd_kafka_conf_t *c = rd_kafka_conf_new();

    rd_kafka_conf_set(c, "bootstrap.servers", bootstrap, text, sizeof text);
    rd_kafka_conf_set(c, "group.id", "rig", text, sizeof text);
    rd_kafka_conf_set(c, "enable.partition.eof", "true", text, sizeof text);
    rd_kafka_conf_set(c, "enable.auto.commit", "false", text, sizeof text);
    rd_kafka_conf_set(c, "fetch.wait.max.ms", "10", text, sizeof text);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, c, text, sizeof text);
    assert_non_null(rk);
    rd_kafka_poll_set_consumer(rk);
    return rk;
}

static int rig_assign(rd_kafka_t *rk, const char *topic) {
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(8);

    assert_int_equal(rd_kafka_metadata(rk, 0, t, &md, 10000), 0);
    int n = md->topics[0].partition_cnt;
    for (int i = 0; i < n; i++) {
        rd_kafka_topic_partition_list_add(all, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    assert_int_equal(rd_kafka_assign(rk, all), 0);
    rd_kafka_metadata_destroy(md);
    rd_kafka_topic_partition_list_destroy(all);
    rd_kafka_topic_destroy(t);
    return n;
}

static void rig_message(const rd_kafka_message_t *m, ingest_rig_fn *fn, void *arg) {
    rd_kafka_headers_t *h;
    const void *trace = NULL;
    size_t trace_n = 0;

    if (rd_kafka_message_headers(m, &h) == 0) {
        rd_kafka_header_get_last(h, "traceparent", &trace, &trace_n);
    }
    fn(arg, (struct px_str){.p = m->key, .n = m->key_len},
       (struct px_str){.p = m->payload, .n = m->len}, (struct px_str){.p = trace, .n = trace_n});
}

size_t ingest_rig_read(const char *bootstrap, const char *topic, ingest_rig_fn *fn, void *arg) {
    rd_kafka_t *rk = rig_consumer(bootstrap);
    int open = rig_assign(rk, topic);
    size_t n = 0;
    long end = now_ms() + 30000;

    while (open > 0) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 1000);
        assert_true(now_ms() < end);
        if (m && m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            open--;
        } else if (m && m->err == 0) {
            n++;
            rig_message(m, fn, arg);
        }
        if (m) {
            rd_kafka_message_destroy(m);
        }
    }
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return n;
}

struct rig_search {
    struct px_uuid id;
    struct px_arena *arena;
    struct px_event *event;
    unsigned found;
};

static void rig_look(void *arg, struct px_str key, struct px_str value, struct px_str traceparent) {
    struct rig_search *s = arg;
    struct px_arena arena;
    struct px_event e;
    struct px_err err = PX_ERR_INIT;
    int reason;

    px_arena_init(&arena, 1 << 20);
    if (px_event_from_avro(value, &arena, &e, &reason, &err)) {
        fail_msg("%s", err.msg);
    }
    assert_true(px_str_eq(key, e.player_id));
    assert_true(px_str_eq(traceparent, e.traceparent));
    if (memcmp(&e.id, &s->id, sizeof e.id) == 0) {
        s->found++;
        if (s->event) {
            assert_int_equal(px_event_copy(&e, s->arena, s->event), PX_OK);
        }
    }
    px_arena_fini(&arena);
}

static unsigned rig_search(const struct ingest_rig *r, struct rig_search *s, const char *id) {
    assert_true(px_uuid_parse(px_str_c(id), &s->id));
    ingest_rig_read(mock_kafka_bootstrap(r->mock), INGEST_RIG_TOPIC, rig_look, s);
    return s->found;
}

void ingest_rig_event(const struct ingest_rig *r, const char *id, struct px_arena *arena,
                      struct px_event *ret) {
    struct rig_search s = {.arena = arena, .event = ret};

    assert_int_equal(rig_search(r, &s, id), 1);
}

bool ingest_rig_has(const struct ingest_rig *r, const char *id) {
    struct rig_search s = {.arena = NULL};

    return rig_search(r, &s, id) > 0;
}
