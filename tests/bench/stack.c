/* Starts and stops the binaries that a benchmark measures: see stack.h. */
#include "stack.h"
#include "bench.h"

#include <stdio.h>
#include <string.h>

/* One word of the broker's address file: "KAFKA_BOOTSTRAP=..." */
static void word(const char *path, const char *key, char *out, size_t cap) {
    char line[256];
    size_t n = strlen(key);
    FILE *f = fopen(path, "re");
    out[0] = '\0';
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, n) == 0 && line[n] == '=') {
            line[strcspn(line, "\n")] = '\0';
            (void)snprintf(out, cap, "%s", line + n + 1);
        }
    }
    if (f) {
        (void)fclose(f);
    }
}

void stack_broker(struct stack *s) {
    char path[300];
    char bin[512];
    (void)snprintf(path, sizeof path, "%s/broker.env", proc_tmpdir());
    (void)snprintf(bin, sizeof bin, "%s", proc_bin("px-devbroker"));
    const char *const argv[] = {bin,       "--address-file", path, "--topic", STACK_TOPIC ":10",
                                "--topic", STACK_DLQ ":10",  NULL};
    proc_start(&s->broker, argv, NULL);
    for (long end = now_ms() + 10000; !s->bootstrap[0] && now_ms() < end; pause_ms(20)) {
        word(path, "KAFKA_BOOTSTRAP", s->bootstrap, sizeof s->bootstrap);
    }
    word(path, "KAFKA_LOG_ID", s->log_id, sizeof s->log_id);
    if (!s->bootstrap[0]) {
        proc_log_show(&s->broker);
        bench_die("px-devbroker", "did not start");
    }
}

static int port(struct proc *p, const char *event, const char *key) {
    long v = proc_log_int(p, event, key, 20);
    if (v <= 0) {
        proc_log_show(p);
        bench_die(event, "the service did not start");
    }
    return (int)v;
}

static void ready(struct proc *p) {
    if (!proc_log_wait(p, "app.ready", 20)) {
        proc_log_show(p);
        bench_die("app.ready", "the service did not get ready");
    }
}

void stack_ingest(struct stack *s, const char *more) {
    const char *const one[] = {more, NULL};
    stack_ingest_with(s, one);
}

void stack_ingest_with(struct stack *s, const char *const more[2]) {
    char brokers[128];
    (void)snprintf(brokers, sizeof brokers, "PX_Kafka__BootstrapServers=%s", s->bootstrap);
    const char *const argv[] = {proc_bin("svc-ingest"), NULL};
    const char *const env[] = {brokers, "PX_Ingest__Port=0",      "PX_Admin__Port=0",
                               more[0], more[0] ? more[1] : NULL, NULL};
    proc_start(&s->ingest, argv, env);
    s->ingest_port = port(&s->ingest, "ingest.listening", "server.port");
    s->ingest_admin = port(&s->ingest, "ingest.listening", "admin.port");
    ready(&s->ingest);
}

struct sql_env {
    char dialect[64], connection[400], password[160];
};

static void sql_env(const struct stack_sql *q, struct sql_env *e) {
    (void)snprintf(e->dialect, sizeof e->dialect, "PX_Sql__Dialect=%s", q->dialect);
    (void)snprintf(e->connection, sizeof e->connection, "PX_Sql__ConnectionString=%s",
                   q->connection);
    (void)snprintf(e->password, sizeof e->password, "PX_Sql__Password=%s", q->password);
}

void stack_migrate(const struct stack_sql *q) {
    char out[4096];
    struct sql_env e;
    sql_env(q, &e);
    const char *const argv[] = {proc_bin("svc-aggregator"), "--migrate=up", NULL};
    const char *const env[] = {e.dialect, e.connection, e.password, NULL};
    if (proc_run(argv, env, out, sizeof out) != 0) {
        bench_die("migrate", out);
    }
}

void stack_aggregator(struct stack *s, const struct stack_sql *q) {
    char brokers[128];
    char log_id[96];
    struct sql_env e;
    sql_env(q, &e);
    (void)snprintf(brokers, sizeof brokers, "PX_Kafka__BootstrapServers=%s", s->bootstrap);
    (void)snprintf(log_id, sizeof log_id, "PX_Kafka__LogId=%s", s->log_id);
    const char *const argv[] = {proc_bin("svc-aggregator"), NULL};
    const char *const env[] = {brokers,      log_id,     "PX_Kafka__OnNewLog=start", e.dialect,
                               e.connection, e.password, "PX_Admin__Port=0",         NULL};
    proc_start(&s->aggregator, argv, env);
    ready(&s->aggregator);
}

void stack_api(struct stack *s, const struct stack_sql *q) {
    struct sql_env e;
    sql_env(q, &e);
    const char *const argv[] = {proc_bin("svc-metrics-api"), NULL};
    const char *const env[] = {e.dialect,        e.connection,       e.password,
                               "PX_Api__Port=0", "PX_Admin__Port=0", NULL};
    proc_start(&s->api, argv, env);
    s->api_port = port(&s->api, "http.listening", "server.port");
    ready(&s->api);
}

void stack_stop(struct stack *s) {
    struct proc *const all[] = {&s->api, &s->ingest, &s->aggregator, &s->broker};
    for (size_t i = 0; i < PX_ARRAY_LEN(all); i++) {
        if (all[i]->pid) {
            (void)proc_stop(all[i]);
        }
    }
}
