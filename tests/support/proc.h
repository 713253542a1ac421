/* Starting the real binaries from a test: output to a file, ports read from their log, never left
 * behind (they die with the test, whatever happens to it). */
#ifndef TEST_PROC_H
#define TEST_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct proc {
    pid_t pid;     /* 0 when not running */
    char log[256]; /* file with its stdout and stderr */
};

/* proc_bin(name): path of a built program: $PX_BIN/name, else build/bin/name. Static buffer. */
const char *proc_bin(const char *name);

/* proc_tmpdir(): a fresh folder below $TMPDIR or /tmp, removed when the test ends. Static storage.
 */
const char *proc_tmpdir(void);

/* proc_start(p, argv, env): run argv[0]; ${env} is a NULL-ended list of NAME=VALUE added to a bare
 * environment (PATH, HOME, TMPDIR and sanitizer options are kept). Fails the test when it cannot.
 */
void proc_start(struct proc *p, const char *const *argv, const char *const *env);

/* proc_run(argv, env, out, cap): start, wait until it ends (60 s at most), read its output; returns
 * the exit status, 128 + signal, or -1 when it had to be killed. */
int proc_run(const char *const *argv, const char *const *env, char *out, size_t cap);

/* proc_log_wait(p, text, seconds): until the log holds ${text}; false when time is up or it ended.
 */
bool proc_log_wait(struct proc *p, const char *text, int seconds);

/* proc_log_count(p, text): how often the log holds ${text} by now. */
size_t proc_log_count(const struct proc *p, const char *text);

/* proc_log_int(p, event, key, seconds): the number of "key": in the first log line with ${event};
 * -1. */
long proc_log_int(struct proc *p, const char *event, const char *key, int seconds);

/* proc_log_show(p): the last lines of its log on stderr, for failures. */
void proc_log_show(const struct proc *p);

/* proc_signal / proc_wait: send; wait up to ${seconds} for its end. Status as proc_run. */
void proc_signal(const struct proc *p, int sig);
int proc_wait(struct proc *p, int seconds);
/* proc_stop(p): SIGTERM, then SIGKILL after 30 s; status as proc_run. Nothing when not running. */
int proc_stop(struct proc *p);

/* now_ms(): monotonic milliseconds, for deadlines. pause_ms: between two looks at a condition. */
long now_ms(void);
void pause_ms(long ms);

#endif
