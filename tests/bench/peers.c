/* Starts the peers and finds out their ports: see peers.h. */
#include "peers.h"
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Where `make bench-peers` put what it built. */
static const char *home(void) {
    const char *dir = getenv("BENCH_PEERS");
    return dir && dir[0] ? dir : "build/peers";
}

static void start(struct peer *p, const char *const *argv, const char *const *env) {
    if (access(argv[0], X_OK)) {
        bench_die(argv[0], "is not there: make bench-peers");
    }
    proc_start(&p->proc, argv, env);
    p->cpu = p->proc.pid;
}

/* The peers print "port N". */
static void find_port(struct peer *p, const char *name) {
    char line[256];
    if (!proc_log_wait(&p->proc, "port ", 30)) {
        proc_log_show(&p->proc);
        bench_die(name, "did not start");
    }
    FILE *f = fopen(p->proc.log, "re");
    while (f && p->port == 0 && fgets(line, sizeof line, f)) {
        if (strncmp(line, "port ", 5) == 0) {
            p->port = (int)strtol(line + 5, NULL, 10);
        }
    }
    if (f) {
        (void)fclose(f);
    }
    if (p->port <= 0) {
        bench_die(name, "told no port");
    }
}

void peer_axum(struct peer *p, const char *brokers, const char *topic) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/axum/release/px-peer-axum", home());
    const char *const argv[] = {path, brokers, topic, NULL};
    start(p, argv, NULL);
    find_port(p, "axum");
}

void peer_fastapi(struct peer *p, const char *brokers, const char *topic) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/fastapi/bin/python3", home());
    const char *const argv[] = {path, "tests/bench/peers/fastapi/app.py", brokers, topic, NULL};
    start(p, argv, NULL);
    find_port(p, "FastAPI");
}

void peer_null_sink(struct peer *p, const char *brokers) {
    char path[512];
    char at[128];
    const char *dir = getenv("BENCH_DIR");
    (void)snprintf(path, sizeof path, "%s/svc-ingest-null",
                   dir && dir[0] ? dir : "build/release/bench");
    (void)snprintf(at, sizeof at, "PX_Kafka__BootstrapServers=%s", brokers);
    const char *const argv[] = {path, NULL};
    const char *const env[] = {at, "PX_Ingest__Port=0", "PX_Admin__Port=0", NULL};
    start(p, argv, env);
    p->port = (int)proc_log_int(&p->proc, "ingest.listening", "server.port", 20);
    if (p->port <= 0 || !proc_log_wait(&p->proc, "app.ready", 20)) {
        proc_log_show(&p->proc);
        bench_die("svc-ingest-null", "did not start");
    }
}

/* --- nginx --------------------------------------------------------------------------------------
 */

static int free_port(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) ||
        getsockname(fd, (struct sockaddr *)&a, &n)) {
        bench_die("a free port", strerror(errno));
    }
    (void)close(fd);
    return ntohs(a.sin_port);
}

static void write_conf(const char *path, const char *dir, int port) {
    char line[512];
    FILE *in = fopen("tests/bench/peers/nginx.conf.in", "re");
    FILE *out = fopen(path, "we");
    if (!in || !out) {
        bench_die(path, strerror(errno));
    }
    while (fgets(line, sizeof line, in)) {
        char *at = strchr(line, '@');
        if (at && strncmp(at, "@PORT@", 6) == 0) {
            (void)fprintf(out, "%.*s%d%s", (int)(at - line), line, port, at + 6);
        } else if (at && strncmp(at, "@HOME@", 6) == 0) {
            (void)fprintf(out, "%.*s%s%s", (int)(at - line), line, dir, at + 6);
        } else if (line[0] != '#') {
            (void)fputs(line, out);
        }
    }
    (void)fclose(in);
    if (fclose(out)) {
        bench_die(path, strerror(errno));
    }
}

/* The only child of the master; 0 while there is none. */
static pid_t worker_of(pid_t master) {
    char path[64];
    long pid = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)master, (int)master);
    FILE *f = fopen(path, "re");
    if (f) {
        char text[64];
        pid = fgets(text, sizeof text, f) ? strtol(text, NULL, 10) : 0;
        (void)fclose(f);
    }
    return (pid_t)pid;
}

void peer_nginx(struct peer *p) {
    char conf[300];
    const char *dir = proc_tmpdir();
    (void)snprintf(conf, sizeof conf, "%s/nginx.conf", dir);
    p->port = free_port();
    write_conf(conf, dir, p->port);
    const char *const argv[] = {"/usr/sbin/nginx", "-c", conf, "-e", "stderr", NULL};
    start(p, argv, NULL);
    for (long end = now_ms() + 10000; (p->cpu = worker_of(p->proc.pid)) == 0 && now_ms() < end;) {
        pause_ms(20);
    }
    if (p->cpu == 0) {
        proc_log_show(&p->proc);
        bench_die("nginx", "started no worker");
    }
}

void peer_stop(struct peer *p) {
    if (p->proc.pid) {
        (void)proc_stop(&p->proc);
    }
}
