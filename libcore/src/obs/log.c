/* The log sink of the process: level, rate limit per call site, one write(2) per line. Programs log
 * where they handle an event; the line itself is made by log_json.c. Must not allocate, must not
 * block for longer than LOG_PATIENCE_MS, must not fail its caller. The sink is one of the few
 * writable globals of the library. */
#include <px/log.h>

#include "log_json.h"

#include <px/hash.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Lines a second that one call site may write. */
#define LOG_SITE_RATE 10
/* How long a line waits for a slow reader. Once one was dropped, the next do not wait at all. */
#define LOG_PATIENCE_MS 5

/* Level and dropped are atomics; the rest is set by px_log_init before threads exist, but for what
 * the lock guards: the state of the descriptor. */
struct log_sink {
    const char *service, *version, *instance;
    const struct px_clock *clock;
    int level;
    int fd;
    bool is_socket;
    uint64_t dropped;

    pthread_mutex_t lock;
    uint64_t unreported; /* dropped since the last line that passed    */
    bool stuck;          /* the last line was dropped                  */
    bool torn;           /* the last line was written in part: no '\n' */

    pthread_once_t key_once;
    uint64_t key[2]; /* of PX_F_PII; never leaves the process */
};

static struct log_sink sink = {.level = PX_LOG_INFO,
                               .fd = STDERR_FILENO,
                               .lock = PTHREAD_MUTEX_INITIALIZER,
                               .key_once = PTHREAD_ONCE_INIT};

static const char *const level_names[] = {
    [PX_LOG_DEBUG] = "debug",
    [PX_LOG_INFO] = "info",
    [PX_LOG_WARN] = "warn",
    [PX_LOG_ERROR] = "error",
};

static void log_key_draw(void) {
    px_random(sink.key, sizeof sink.key);
}

const char *px_log_level_name(enum px_log_level level) {
    return level_names[level];
}

void px_log_init(const struct px_log_conf *conf) {
    struct stat st;

    pthread_mutex_lock(&sink.lock);
    sink.service = conf->service;
    sink.version = conf->version;
    sink.instance = conf->instance;
    sink.clock = conf->clock;
    sink.fd = conf->fd;
    sink.is_socket = fstat(conf->fd, &st) == 0 && S_ISSOCK(st.st_mode);
    sink.unreported = 0;
    sink.stuck = sink.torn = false;
    pthread_mutex_unlock(&sink.lock);
    px_log_set_level(conf->level);
}

void px_log_set_level(enum px_log_level level) {
    __atomic_store_n(&sink.level, (int)level, __ATOMIC_RELAXED);
}

uint64_t px_log_dropped(void) {
    return __atomic_load_n(&sink.dropped, __ATOMIC_RELAXED);
}

/* Whether the site may write now. Two threads that meet at the turn of a second may let a line too
 * many through; that is harmless and saves a lock. */
static bool site_pass(struct px_log_site *site, int64_t second, uint64_t *ret_suppressed) {
    if (!site) {
        return true;
    }
    if (__atomic_load_n(&site->second, __ATOMIC_RELAXED) != second) {
        __atomic_store_n(&site->second, second, __ATOMIC_RELAXED);
        __atomic_store_n(&site->count, 0, __ATOMIC_RELAXED);
    }
    if (__atomic_add_fetch(&site->count, 1, __ATOMIC_RELAXED) > LOG_SITE_RATE) {
        __atomic_add_fetch(&site->suppressed, 1, __ATOMIC_RELAXED);
        return false;
    }
    *ret_suppressed = __atomic_exchange_n(&site->suppressed, 0, __ATOMIC_RELAXED);
    return true;
}

/* A pipe that polls writable takes PIPE_BUF bytes, that is a whole line, without blocking. The
 * descriptor is shared with other processes, so it is not made non-blocking. */
static ssize_t sink_send(const char *p, size_t n) {
    struct pollfd pfd = {.fd = sink.fd, .events = POLLOUT};
    ssize_t done;

    if (sink.is_socket) {
        return send(sink.fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (poll(&pfd, 1, sink.stuck ? 0 : LOG_PATIENCE_MS) <= 0) {
        return -1;
    }
    do {
        done = write(sink.fd, p, n);
    } while (done < 0 && errno == EINTR);
    return done;
}

/* Called with the lock held. */
static void sink_put(const struct px_buf *line) {
    ssize_t done;

    if (sink.torn) {
        sink.torn = sink_send("\n", 1) != 1;
    }
    done = sink.torn ? -1 : sink_send(line->p, line->n);
    if (done == (ssize_t)line->n) {
        sink.stuck = false;
        sink.unreported = 0;
        return;
    }
    sink.torn = sink.torn || done > 0;
    sink.stuck = true;
    sink.unreported++;
    __atomic_add_fetch(&sink.dropped, 1, __ATOMIC_RELAXED);
}

void px_log_write(struct px_log_site *site, enum px_log_level level, const char *event,
                  const struct px_field *fields, size_t n) {
    char text[PX_LOG_LINE_MAX + 1];
    /* the line is built on the stack: capacity and limit are equal, so the buffer never grows */
    struct px_buf line = {.p = text, .cap = PX_LOG_LINE_MAX, .max = PX_LOG_LINE_MAX};
    const struct px_clock *clock = sink.clock ? sink.clock : &px_clock_system;
    int saved = errno;
    px_us now;
    struct px_log_head head;

    if ((int)level < __atomic_load_n(&sink.level, __ATOMIC_RELAXED)) {
        return;
    }
    now = px_wall(clock);
    head = (struct px_log_head){.at = now,
                                .level = level,
                                .event = event,
                                .service = sink.service,
                                .version = sink.version,
                                .instance = sink.instance};
    if (!site_pass(site, now / PX_US_PER_S, &head.suppressed)) {
        return;
    }
    pthread_once(&sink.key_once, log_key_draw);
    head.k0 = sink.key[0];
    head.k1 = sink.key[1];
    pthread_mutex_lock(&sink.lock);
    head.dropped = sink.unreported;
    px_log_json(&line, &head, fields, n);
    sink_put(&line);
    pthread_mutex_unlock(&sink.lock);
    errno = saved;
}
