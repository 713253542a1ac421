/* What every benchmark shares: CPU clocks, repetitions, and the one JSON line per figure that
 * tests/bench/run.sh reads. CPU time is judged, wall-clock never is: the machine may be shared. */
#ifndef BENCH_H
#define BENCH_H

#include <px/base.h>

#include <sys/types.h>

#define BENCH_RUNS_MAX 32

/* One value per repetition. */
struct bench_runs {
    double v[BENCH_RUNS_MAX];
    size_t n;
};
void bench_add(struct bench_runs *r, double v);
double bench_median(const struct bench_runs *r);

/* A figure. aim 0 = none; only a judged one can fail the run, when it is above twice its aim.
 * at_least: greater is better, never judged. */
struct bench_figure {
    const char *bench, *name, *unit;
    const struct bench_runs *runs;
    const char *reference_name;         /* NULL = none              */
    const struct bench_runs *reference; /* of the same repetitions  */
    double aim;
    bool judged, at_least;
};
/* bench_print(f): one JSON line on standard output: median, min, max, the median of the ratios to
 * the reference taken pair by pair, and how it stands against its aim. */
void bench_print(const struct bench_figure *f);

/* Nanoseconds of CPU: of this thread, of this process with its threads, of another process. */
int64_t bench_cpu_thread(void);
int64_t bench_cpu_self(void);
int64_t bench_cpu_of(pid_t pid);
int64_t bench_wall(void);

/* bench_reps(usual): how often to repeat: BENCH_REPS from the environment, else ${usual}. */
size_t bench_reps(size_t usual);

/* bench_die(what): say it and end the program; a benchmark that cannot measure must not print. */
_Noreturn void bench_die(const char *what, const char *why);

/* Keeps a result alive that nobody reads. */
static inline void bench_use(const void *p) {
    __asm__ volatile("" : : "g"(p) : "memory");
}

#endif
