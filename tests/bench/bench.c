/* Figures and clocks of the benchmarks: see bench.h. Prints to standard output only. */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Noreturn void bench_die(const char *what, const char *why) {
    (void)fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(99);
}

void bench_add(struct bench_runs *r, double v) {
    px_assert(r->n < BENCH_RUNS_MAX);
    r->v[r->n++] = v;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct bench_runs sorted(const struct bench_runs *r) {
    struct bench_runs s = *r;
    px_assert(s.n > 0);
    qsort(s.v, s.n, sizeof s.v[0], by_value);
    return s;
}

double bench_median(const struct bench_runs *r) {
    struct bench_runs s = sorted(r);
    return s.n % 2 ? s.v[s.n / 2] : (s.v[s.n / 2 - 1] + s.v[s.n / 2]) / 2;
}

static const char *verdict(const struct bench_figure *f, double value) {
    if (f->aim <= 0) {
        return "none";
    }
    if (f->at_least ? value >= f->aim : value <= f->aim) {
        return "met";
    }
    return f->judged && !f->at_least && value > 2 * f->aim ? "failed" : "missed";
}

static void print_reference(const struct bench_figure *f) {
    if (!f->reference) {
        printf("\"reference\":null,\"reference_name\":null,\"ratio\":null,");
        return;
    }
    struct bench_runs ratio = {.n = 0};
    for (size_t i = 0; i < f->runs->n && i < f->reference->n; i++) {
        bench_add(&ratio, f->runs->v[i] / f->reference->v[i]);
    }
    struct bench_runs s = sorted(&ratio);
    printf("\"reference\":%.6g,\"reference_name\":\"%s\",\"ratio\":%.3f,\"ratio_min\":%.3f,"
           "\"ratio_max\":%.3f,",
           bench_median(f->reference), f->reference_name, bench_median(&ratio), s.v[0],
           s.v[s.n - 1]);
}

void bench_print(const struct bench_figure *f) {
    struct bench_runs s = sorted(f->runs);
    double value = bench_median(f->runs);
    printf("{\"bench\":\"%s\",\"figure\":\"%s\",\"value\":%.6g,\"min\":%.6g,\"max\":%.6g,"
           "\"runs\":%zu,\"unit\":\"%s\",",
           f->bench, f->name, value, s.v[0], s.v[s.n - 1], s.n, f->unit);
    print_reference(f);
    if (f->aim > 0) {
        printf("\"aim\":%g,\"judged\":%s,", f->aim, f->judged ? "true" : "false");
    } else {
        printf("\"aim\":null,\"judged\":false,");
    }
    printf("\"verdict\":\"%s\"}\n", verdict(f, value));
    (void)fflush(stdout);
}

static int64_t now(clockid_t clock) {
    struct timespec t;
    if (clock_gettime(clock, &t)) {
        bench_die("clock_gettime", strerror(errno));
    }
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t bench_cpu_thread(void) {
    return now(CLOCK_THREAD_CPUTIME_ID);
}
int64_t bench_cpu_self(void) {
    return now(CLOCK_PROCESS_CPUTIME_ID);
}
int64_t bench_wall(void) {
    return now(CLOCK_MONOTONIC);
}
int64_t bench_cpu_of(pid_t pid) {
    clockid_t clock;
    int rc = clock_getcpuclockid(pid, &clock);
    if (rc) {
        bench_die("clock_getcpuclockid", strerror(rc));
    }
    return now(clock);
}

size_t bench_reps(size_t usual) {
    const char *text = getenv("BENCH_REPS");
    if (!text || !*text) {
        return usual;
    }
    char *end = NULL;
    unsigned long n = strtoul(text, &end, 10);
    if (*end || n < 1 || n > BENCH_RUNS_MAX) {
        bench_die("BENCH_REPS", "expected 1 to 32");
    }
    return n;
}
