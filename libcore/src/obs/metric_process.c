/* The process_* metrics under the names that every Prometheus client library uses. Read from the
 * kernel at the scrape; a value that cannot be read is left out, never invented. */
#include "metric_priv.h"

#include <px/num.h>

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void value_head(struct px_buf *out, const char *name, const char *kind, const char *help) {
    px_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s ", name, help, name, kind, name);
}

/* The first bytes of a small file of /proc; empty when it cannot be read. */
static struct px_str proc_read(const char *path, char *buf, size_t cap) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0) {
        return (struct px_str){.p = buf, .n = 0};
    }
    n = read(fd, buf, cap);
    close(fd);
    return (struct px_str){.p = buf, .n = n > 0 ? (size_t)n : 0};
}

/* The ${i}-th word (from 0) of ${s} as a number. */
static bool word_number(struct px_str s, size_t i, int64_t *ret) {
    for (; i > 0; i--) {
        (void)px_str_part(&s, ' ');
    }
    s = px_str_part(&s, ' ');
    return px_parse_i64(px_str_part(&s, '\n'), 0, INT64_MAX, ret);
}

static void cpu_seconds(struct px_buf *out) {
    struct timespec t;

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0) {
        return;
    }
    value_head(out, "process_cpu_seconds_total", "counter", "CPU time used, user and system.");
    px_metric_seconds(out, (px_us)t.tv_sec * PX_US_PER_S + t.tv_nsec / 1000);
    px_buf_byte(out, '\n');
}

static void resident_bytes(struct px_buf *out) {
    char buf[256];
    int64_t pages, page = sysconf(_SC_PAGESIZE);

    if (page <= 0 || !word_number(proc_read("/proc/self/statm", buf, sizeof buf), 1, &pages)) {
        return;
    }
    value_head(out, "process_resident_memory_bytes", "gauge", "Resident memory.");
    px_buf_i64(out, pages * page);
    px_buf_byte(out, '\n');
}

static void open_fds(struct px_buf *out) {
    DIR *d = opendir("/proc/self/fd");
    int64_t n = 0;

    if (!d) {
        return;
    }
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        n += e->d_name[0] != '.';
    }
    closedir(d);
    value_head(out, "process_open_fds", "gauge", "Open file descriptors.");
    px_buf_i64(out, n - 1); /* without the one that was reading the folder */
    px_buf_byte(out, '\n');
}

static void max_fds(struct px_buf *out) {
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) != 0) {
        return;
    }
    value_head(out, "process_max_fds", "gauge", "Largest number of open file descriptors.");
    px_buf_u64(out, r.rlim_cur);
    px_buf_byte(out, '\n');
}

/* Field 22 of stat, the 20th word behind ")": the start in clock ticks since boot. The name in the
 * parentheses may itself hold blanks and parentheses. */
static bool start_ticks(int64_t *ret) {
    char buf[1024];
    struct px_str s = proc_read("/proc/self/stat", buf, sizeof buf);
    const char *p = s.n ? memrchr(s.p, ')', s.n) : NULL;

    if (!p || p + 2 >= s.p + s.n) {
        return false;
    }
    return word_number((struct px_str){.p = p + 2, .n = s.n - (size_t)(p + 2 - s.p)}, 19, ret);
}

px_us px_metric_started(void) {
    struct timespec wall, boot;
    int64_t ticks, hz = sysconf(_SC_CLK_TCK);

    if (hz <= 0 || !start_ticks(&ticks) || clock_gettime(CLOCK_REALTIME, &wall) != 0 ||
        clock_gettime(CLOCK_BOOTTIME, &boot) != 0) {
        return 0;
    }
    return ((px_us)wall.tv_sec - (px_us)boot.tv_sec) * PX_US_PER_S +
           (wall.tv_nsec - boot.tv_nsec) / 1000 + ticks * PX_US_PER_S / hz;
}

static void start_time(struct px_buf *out, px_us at) {
    if (!at) {
        return;
    }
    value_head(out, "process_start_time_seconds", "gauge", "When the process started, since 1970.");
    px_metric_seconds(out, at);
    px_buf_byte(out, '\n');
}

void px_metric_process(px_us started, struct px_buf *out) {
    cpu_seconds(out);
    resident_bytes(out);
    open_fds(out);
    max_fds(out);
    start_time(out, started);
}
