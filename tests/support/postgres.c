/* Starts and stops the private PostgreSQL of a test program. The server runs as the user postgres
 * when the test is root, because it refuses to run as root; it dies with the test by the kernel's
 * hand. */
#include "postgres.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BIN            "/usr/lib/postgresql/15/bin/"
#define START_DEADLINE 60

static struct {
    char dir[64];
    char base[256]; /* connection string without a database */
    const char *password;
    pid_t pid;
    int port;
    int databases;
    char strings[64][320];
} pg;

static void die(const char *what) {
    (void)fprintf(stderr, "test_pg: %s (%s)\n", what, strerror(errno));
    exit(1);
}

static int free_port(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) ||
        getsockname(fd, (struct sockaddr *)&a, &n)) {
        die("no free port");
    }
    (void)close(fd);
    return ntohs(a.sin_port);
}

/* In the child: become postgres when root, die with the test, write into the log, become ${argv}.
 */
static void become(const char *const argv[]) {
    char log[96];
    (void)snprintf(log, sizeof log, "%s/log", pg.dir);
    const struct passwd *pw = getuid() == 0 ? getpwnam("postgres") : NULL;
    if (pw && (initgroups(pw->pw_name, pw->pw_gid) || setgid(pw->pw_gid) || setuid(pw->pw_uid))) {
        _exit(126);
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGQUIT); /* an immediate stop */
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    int null = open("/dev/null", O_RDONLY);
    if (fd < 0 || null < 0 || dup2(null, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 ||
        chdir("/")) {
        _exit(126);
    }
    (void)execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static pid_t spawn(const char *const argv[]) {
    pid_t pid = fork();
    if (pid < 0) {
        die("fork");
    }
    if (pid == 0) {
        become(argv);
    }
    return pid;
}

static void show_log(void) {
    char log[96];
    char line[512];
    (void)snprintf(log, sizeof log, "%s/log", pg.dir);
    FILE *f = fopen(log, "re");
    while (f && fgets(line, sizeof line, f)) {
        (void)fprintf(stderr, "  | %s", line);
    }
    if (f) {
        (void)fclose(f);
    }
}

static void run(const char *const argv[]) {
    int status = 0;
    pid_t pid = spawn(argv);
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        show_log();
        die(argv[0]);
    }
}

static void make_dir(void) {
    const char *tmp = getenv("TMPDIR");
    const struct passwd *pw = getuid() == 0 ? getpwnam("postgres") : NULL;
    (void)snprintf(pg.dir, sizeof pg.dir, "%s/px-pg-XXXXXX",
                   tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    if (!mkdtemp(pg.dir) || chmod(pg.dir, 0755) || (pw && chown(pg.dir, pw->pw_uid, pw->pw_gid))) {
        die(pg.dir);
    }
}

static void init_cluster(void) {
    char data[96];
    char pwfile[96];
    char pwarg[128];
    (void)snprintf(data, sizeof data, "%s/data", pg.dir);
    (void)snprintf(pwfile, sizeof pwfile, "%s/pw", pg.dir);
    (void)snprintf(pwarg, sizeof pwarg, "--pwfile=%s", pwfile);
    FILE *f = fopen(pwfile, "we");
    if (!f || fputs(TEST_PG_PASSWORD "\n", f) < 0 || fclose(f)) {
        die(pwfile);
    }
    const char *const argv[] = {BIN "initdb",
                                "-D",
                                data,
                                "-U",
                                TEST_PG_USER,
                                "-A",
                                "scram-sha-256",
                                pwarg,
                                "-E",
                                "UTF8",
                                "--locale=C.UTF-8",
                                "--no-sync",
                                NULL};
    run(argv);
}

static struct px_sql_conf conf_of(const char *connection) {
    return (struct px_sql_conf){.dialect = 1,
                                .connection = connection,
                                .password = pg.password,
                                .statement_timeout = 20 * PX_US_PER_S,
                                .lock_timeout = 5 * PX_US_PER_S,
                                .zone = "UTC"};
}

static void start_server(void) {
    char data[96];
    char port[16];
    char sockets[128];
    (void)snprintf(data, sizeof data, "%s/data", pg.dir);
    (void)snprintf(port, sizeof port, "%d", pg.port);
    (void)snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", pg.dir);
    const char *const argv[] = {BIN "postgres",
                                "-D",
                                data,
                                "-p",
                                port,
                                "-c",
                                "listen_addresses=127.0.0.1",
                                "-c",
                                sockets,
                                "-c",
                                "fsync=off",
                                "-c",
                                "max_wal_size=2GB",
                                "-c",
                                "shared_buffers=128MB",
                                "-c",
                                "max_connections=30",
                                "-c",
                                "log_min_messages=warning",
                                NULL};
    pg.pid = spawn(argv);
}

/* Waits for the server by connecting to it; no other sign tells that it answers. */
static void wait_ready(void) {
    char cs[320];
    (void)snprintf(cs, sizeof cs, "%s;Database=postgres", pg.base);
    struct px_sql_conf c = conf_of(cs);
    time_t end = time(NULL) + START_DEADLINE;
    struct px_err e = PX_ERR_INIT;
    for (;;) {
        struct px_sql *s = NULL;
        if (!px_sql_open(&c, PX_SQL_WRITE, &s, &e)) {
            px_sql_close(s);
            return;
        }
        if (waitpid(pg.pid, NULL, WNOHANG) == pg.pid || time(NULL) > end) {
            pg.pid = 0;
            show_log();
            (void)fprintf(stderr, "%s\n", e.msg);
            die("the server does not start");
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
}

static void remove_dir(void) {
    const char *const argv[] = {"/bin/rm", "-rf", pg.dir, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        (void)execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    if (pid > 0) {
        (void)waitpid(pid, NULL, 0);
    }
}

void test_pg_stop(void) {
    if (pg.pid > 0) {
        (void)kill(pg.pid, SIGCONT);
        (void)kill(pg.pid, SIGQUIT);
        (void)waitpid(pg.pid, NULL, 0);
        pg.pid = 0;
    }
    if (pg.dir[0]) {
        remove_dir();
        pg.dir[0] = '\0';
    }
}

const char *test_pg_start(void) {
    if (pg.base[0]) {
        return NULL;
    }
    const char *given = getenv("PX_TEST_PG");
    if (given) {
        const char *password = getenv("PX_TEST_PG_PASSWORD");
        pg.password = password ? password : "";
        (void)snprintf(pg.base, sizeof pg.base, "%s", given);
        return NULL;
    }
    if (access(BIN "postgres", X_OK)) {
        return "the package postgresql-15 is not installed";
    }
    pg.password = TEST_PG_PASSWORD;
    pg.port = free_port();
    make_dir();
    (void)atexit(test_pg_stop);
    init_cluster();
    (void)snprintf(pg.base, sizeof pg.base,
                   "Driver={PostgreSQL Unicode};Servername=127.0.0.1;Port=%d;Username=%s", pg.port,
                   TEST_PG_USER);
    start_server();
    wait_ready();
    return NULL;
}

void test_pg_conf(struct px_sql_conf *ret) {
    char cs[320];
    char sql[96];
    (void)snprintf(cs, sizeof cs, "%s;Database=postgres", pg.base);
    struct px_sql_conf admin = conf_of(cs);
    struct px_sql *s = NULL;
    struct px_err e = PX_ERR_INIT;
    int n = pg.databases++;
    if (n >= 64) {
        die("too many test databases");
    }
    (void)snprintf(sql, sizeof sql, "CREATE DATABASE px_test_%d_%d", (int)getpid(), n);
    if (px_sql_open(&admin, PX_SQL_WRITE, &s, &e) || px_sql_exec(s, px_str_c(sql), &e)) {
        (void)fprintf(stderr, "%s\n", e.msg);
        die("no test database");
    }
    px_sql_close(s);
    (void)snprintf(pg.strings[n], sizeof pg.strings[n], "%s;Database=px_test_%d_%d", pg.base,
                   (int)getpid(), n);
    *ret = conf_of(pg.strings[n]);
}

int test_pg_port(void) {
    return pg.port;
}

int test_pg_pid(void) {
    return (int)pg.pid;
}
