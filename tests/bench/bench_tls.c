/* What TLS costs: CPU per request on keep-alive connections, px_http alone and svc-ingest, each by
 * TLS and without it in turn; CPU of a handshake by kind of key; memory of a connection that waits.
 */
#include "bench.h"
#include "floor.h"
#include "load.h"
#include "stack.h"
#include "tls_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SPAN        INT64_C(1200000000)
#define CONNECTIONS 256
#define HANDSHAKES  1000
#define WAITING     2000
/* Aim: a request by TLS takes at most so many times what it takes without. */
#define AIM 1.6

struct target {
    const char *name;
    pid_t pid;
    int port;
    bool tls;
    struct bench_runs cpu, rate;
};

static void once(struct target *t, const struct px_str *requests, size_t n) {
    const struct load_conf c = {.port = t->port,
                                .tls = t->tls,
                                .pid = t->pid,
                                .connections = CONNECTIONS,
                                .ns = SPAN,
                                .requests = requests,
                                .nrequests = n};
    struct load_result r;
    load_run(&c, &r);
    if (r.other > 0 || r.ok == 0) {
        bench_die(t->name, "an answer was not 200");
    }
    bench_add(&t->cpu, (double)r.cpu / 1000 / (double)r.ok);
    bench_add(&t->rate, (double)r.ok * 1e9 / (double)r.wall);
}

/* ${t} by TLS, beside the one before it, which is the same without. */
static void report(const struct target *t) {
    const struct target *plain = t->tls ? t - 1 : NULL;
    char name[96];
    (void)snprintf(name, sizeof name, "%s, %d connections", t->name, CONNECTIONS);
    bench_print(&(struct bench_figure){.bench = "tls",
                                       .name = name,
                                       .unit = "us CPU/request",
                                       .runs = &t->cpu,
                                       .reference_name = plain ? plain->name : NULL,
                                       .reference = plain ? &plain->cpu : NULL,
                                       .aim = plain ? AIM * bench_median(&plain->cpu) : 0,
                                       .judged = plain != NULL});
    (void)snprintf(name, sizeof name, "%s, %d connections: rate", t->name, CONNECTIONS);
    bench_print(&(struct bench_figure){
        .bench = "tls", .name = name, .unit = "requests/s", .runs = &t->rate});
}

static void requests(struct target *t, size_t n) {
    const struct px_str *pixels = load_pixels(4096);
    for (size_t rep = 0; rep < bench_reps(5); rep++) {
        for (size_t i = 0; i < n; i++) {
            once(&t[i], pixels, 4096);
        }
    }
    for (size_t i = 0; i < n; i++) {
        report(&t[i]);
    }
}

static void handshakes(const char *key, const struct floor *f) {
    const struct tls_rig_offer any = {.min = 0};
    struct bench_runs us = {.n = 0};
    char name[96];
    for (size_t rep = 0; rep < bench_reps(5); rep++) {
        int64_t from = bench_cpu_of(f->pid);
        for (size_t i = 0; i < HANDSHAKES; i++) {
            int fd;
            SSL *ssl = tls_rig_connect(f->port, &any, &fd);
            if (!ssl) {
                bench_die("handshake", "failed");
            }
            SSL_free(ssl);
            (void)close(fd);
        }
        bench_add(&us, (double)(bench_cpu_of(f->pid) - from) / 1000 / HANDSHAKES);
    }
    (void)snprintf(name, sizeof name, "a new connection, key of %s", key);
    bench_print(&(struct bench_figure){
        .bench = "tls", .name = name, .unit = "us CPU/connection", .runs = &us});
}

static double resident_kib(pid_t pid) {
    char path[64];
    char line[256];
    double kib = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kib = strtod(line + 6, NULL);
        }
    }
    if (f) {
        (void)fclose(f);
    }
    return kib;
}

/* Connections that have had one answer and wait for their next request. */
static void wait_with(const struct floor *f, bool tls, int fd[WAITING], SSL *ssl[WAITING]) {
    const struct tls_rig_offer any = {.min = 0};
    struct px_str r = load_pixels(1)[0];
    char answer[1024];
    for (size_t i = 0; i < WAITING; i++) {
        ssl[i] = tls ? tls_rig_connect(f->port, &any, &fd[i]) : NULL;
        fd[i] = tls ? fd[i] : tls_rig_dial(f->port);
        bool asked = tls ? SSL_write(ssl[i], r.p, (int)r.n) > 0 &&
                               SSL_read(ssl[i], answer, sizeof answer) > 0
                         : send(fd[i], r.p, r.n, MSG_NOSIGNAL) > 0 &&
                               recv(fd[i], answer, sizeof answer, 0) > 0;
        if (!asked) {
            bench_die("memory", "no answer");
        }
    }
}

static void memory(const char *what, const struct floor *f, bool tls) {
    static int fd[WAITING];
    static SSL *ssl[WAITING];
    struct bench_runs kib = {.n = 0};
    char name[96];
    double before = resident_kib(f->pid);
    wait_with(f, tls, fd, ssl);
    bench_add(&kib, (resident_kib(f->pid) - before) / WAITING);
    for (size_t i = 0; i < WAITING; i++) {
        SSL_free(ssl[i]);
        (void)close(fd[i]);
    }
    (void)snprintf(name, sizeof name, "memory of a connection, %s", what);
    bench_print(&(struct bench_figure){.bench = "tls", .name = name, .unit = "KiB", .runs = &kib});
}

static void ingest_tls(struct stack *s, const struct px_tls_conf *conf) {
    char certificate[400];
    char key[400];
    const char *const more[] = {certificate, key};
    (void)snprintf(certificate, sizeof certificate, "PX_Http__TlsCertificate=%s",
                   conf->certificate);
    (void)snprintf(key, sizeof key, "PX_Http__TlsKey=%s", conf->key);
    stack_ingest_with(s, more);
}

int main(void) {
    tls_rig_cert(&(struct tls_rig_want){.name = "p256"});
    tls_rig_cert(&(struct tls_rig_want){.name = "rsa", .rsa_bits = 2048});
    static struct px_tls_conf ec, rsa;
    ec = tls_rig_conf("p256");
    rsa = tls_rig_conf("rsa");
    struct floor plain = floor_px_http(false);
    struct floor by_tls = floor_px_tls(&ec);
    struct floor by_rsa = floor_px_tls(&rsa);
    static struct stack s, t;
    stack_broker(&s);
    stack_ingest(&s, NULL);
    memcpy(t.bootstrap, s.bootstrap, sizeof t.bootstrap);
    ingest_tls(&t, &ec);
    struct target targets[] = {
        {.name = "px_http alone", .pid = plain.pid, .port = plain.port},
        {.name = "px_http alone, TLS", .pid = by_tls.pid, .port = by_tls.port, .tls = true},
        {.name = "svc-ingest", .pid = s.ingest.pid, .port = s.ingest_port},
        {.name = "svc-ingest, TLS", .pid = t.ingest.pid, .port = t.ingest_port, .tls = true}};
    memory("without TLS", &plain, false); /* before anything has grown their heaps */
    memory("TLS", &by_tls, true);
    requests(targets, PX_ARRAY_LEN(targets));
    handshakes("P-256", &by_tls);
    handshakes("RSA 2048", &by_rsa);
    floor_stop(&plain);
    floor_stop(&by_tls);
    floor_stop(&by_rsa);
    stack_stop(&t);
    stack_stop(&s);
    return 0;
}
