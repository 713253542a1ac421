/* Processes of a test: see proc.h. Linux only: PDEATHSIG makes sure that nothing is left behind. */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char tmpdir[200];

long now_ms(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void pause_ms(long ms) {
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

static void die(const char *what) {
    fprintf(stderr, "test support: %s: %s\n", what, strerror(errno));
    exit(99);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static pid_t owner; /* a forked child must not remove its parent's folder */

static void remove_tmpdir(void) {
    if (getpid() == owner && !getenv("PX_KEEP_TMP")) {
        nftw(tmpdir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

const char *proc_tmpdir(void) {
    if (!tmpdir[0]) {
        const char *base = getenv("TMPDIR");

        snprintf(tmpdir, sizeof(tmpdir), "%s/px-test-XXXXXX", base && *base ? base : "/tmp");
        if (!mkdtemp(tmpdir)) {
            die("mkdtemp");
        }
        owner = getpid();
        atexit(remove_tmpdir);
    }
    return tmpdir;
}

const char *proc_bin(const char *name) {
    static char path[512];
    const char *dir = getenv("PX_BIN");

    snprintf(path, sizeof(path), "%s/%s", dir && *dir ? dir : "build/bin", name);
    return path;
}

static void child(const char *const *argv, const char *const *env, const char *log, pid_t parent) {
    static const char *const kept[] = {
        "PATH", "HOME", "TMPDIR", "ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"};
    static char vars[8][1024];
    const char *list[64];
    size_t n = 0;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        const char *v = getenv(kept[i]);

        if (v) {
            snprintf(vars[i], sizeof(vars[i]), "%s=%s", kept[i], v);
            list[n++] = vars[i];
        }
    }
    for (size_t i = 0; env && env[i] && n + 1 < 64; i++) {
        list[n++] = env[i];
    }
    list[n] = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || fd < 0 || null < 0 || dup2(null, 0) < 0 || dup2(fd, 1) < 0 ||
        dup2(fd, 2) < 0) {
        _exit(98);
    }
    /* execve never writes to its arguments; its prototype predates const */
    union {
        const char *const *in;
        char *const *out;
    } a = {.in = argv}, e = {.in = list};
    execve(argv[0], a.out, e.out);
    fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(97);
}

void proc_start(struct proc *p, const char *const *argv, const char *const *env) {
    static int count;
    const char *name = strrchr(argv[0], '/');
    pid_t parent = getpid();

    snprintf(p->log, sizeof(p->log), "%s/%s-%d.log", proc_tmpdir(), name ? name + 1 : argv[0],
             count++);
    p->pid = fork();
    if (p->pid < 0) {
        die("fork");
    }
    if (p->pid == 0) {
        child(argv, env, p->log, parent);
    }
}

static int status_of(int wstatus) {
    return WIFEXITED(wstatus) ? WEXITSTATUS(wstatus) : 128 + WTERMSIG(wstatus);
}

int proc_wait(struct proc *p, int seconds) {
    long end = now_ms() + (long)seconds * 1000;
    int wstatus;

    if (p->pid <= 0) {
        return -1;
    }
    for (;;) {
        pid_t r = waitpid(p->pid, &wstatus, WNOHANG);

        if (r == p->pid) {
            p->pid = 0;
            return status_of(wstatus);
        }
        if (r < 0) {
            return -1;
        }
        if (now_ms() > end) {
            return -1;
        }
        pause_ms(5);
    }
}

void proc_signal(const struct proc *p, int sig) {
    if (p->pid > 0) {
        kill(p->pid, sig);
    }
}

int proc_stop(struct proc *p) {
    if (p->pid <= 0) {
        return -1;
    }
    /* A test may have stopped it. In this order: AddressSanitizer's leak check at the exit stops
     * the program by a SIGSTOP of its own, which a SIGCONT takes back, and then it waits for ever.
     */
    proc_signal(p, SIGCONT);
    proc_signal(p, SIGTERM);
    int status = proc_wait(p, 30);
    if (p->pid > 0) {
        proc_log_show(p);
        proc_signal(p, SIGKILL);
        proc_wait(p, 10);
        return -1;
    }
    return status;
}

static size_t read_file(const char *path, char *out, size_t cap) {
    FILE *f = fopen(path, "r");
    size_t n = 0;

    if (f) {
        n = fread(out, 1, cap - 1, f);
        fclose(f);
    }
    out[n] = '\0';
    return n;
}

int proc_run(const char *const *argv, const char *const *env, char *out, size_t cap) {
    struct proc p;

    proc_start(&p, argv, env);
    int status = proc_wait(&p, 60);
    if (p.pid > 0) {
        proc_signal(&p, SIGKILL);
        proc_wait(&p, 10);
    }
    read_file(p.log, out, cap);
    return status;
}

/* The log as one string, up to 8 MiB of it; the caller frees. As large as it is, and no more: it is
 * asked for a hundred times a second, and sanitizers mark every byte. */
static char *log_text(const struct proc *p) {
    struct stat st;
    size_t max = 8u << 20, size = stat(p->log, &st) == 0 ? (size_t)st.st_size + 1 : 1;
    size_t cap = size < max ? size : max;
    char *text = malloc(cap);

    if (!text) {
        die("malloc");
    }
    read_file(p->log, text, cap);
    return text;
}

static bool log_has(const struct proc *p, const char *text) {
    char *log = log_text(p);
    bool found = strstr(log, text) != NULL;

    free(log);
    return found;
}

bool proc_log_wait(struct proc *p, const char *text, int seconds) {
    long end = now_ms() + (long)seconds * 1000;

    while (!log_has(p, text)) {
        if (now_ms() > end || p->pid <= 0 || kill(p->pid, 0) != 0) {
            return log_has(p, text);
        }
        pause_ms(10);
    }
    return true;
}

size_t proc_log_count(const struct proc *p, const char *text) {
    char *log = log_text(p);
    size_t n = 0;

    for (const char *at = log; (at = strstr(at, text)); at += strlen(text)) {
        n++;
    }
    free(log);
    return n;
}

long proc_log_int(struct proc *p, const char *event, const char *key, int seconds) {
    char needle[128];
    long v = -1;

    if (!proc_log_wait(p, event, seconds)) {
        return -1;
    }
    char *log = log_text(p);
    char *line = strstr(log, event);
    char *end = line ? strchr(line, '\n') : NULL;
    while (line && line > log && line[-1] != '\n') {
        line--;
    }
    if (end) {
        *end = '\0';
    }
    snprintf(needle, sizeof(needle), "\"%s\":", key);
    char *at = line ? strstr(line, needle) : NULL;
    if (at) {
        v = strtol(at + strlen(needle), NULL, 10);
    }
    free(log);
    return v;
}

void proc_log_show(const struct proc *p) {
    char *log = log_text(p);
    size_t n = strlen(log);

    fprintf(stderr, "--- %s\n%s\n---\n", p->log, n > 4000 ? log + n - 4000 : log);
    free(log);
}
