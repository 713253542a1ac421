/* Named probes: one list per program feeds --check, /readyz, the start-up gate and the Helm test.
 */
#ifndef PX_PROBE_H
#define PX_PROBE_H

#include <px/buf.h>
#include <px/clock.h>

enum {
    PX_PROBE_FATAL = 1 << 0,   /* its failure fails --check and, at start-up, the program     */
    PX_PROBE_WARN = 1 << 1,    /* its failure is printed as warn                              */
    PX_PROBE_OFFLINE = 1 << 2, /* needs no network: part of --check=offline                   */
    PX_PROBE_READY = 1 << 3,   /* part of /readyz (must be cheap: called every 2 s at most)   */
    PX_PROBE_START = 1 << 4,   /* run before the port opens; its failure ends the start       */
};

#define PX_PROBE_REMEDY 2048
struct px_probe_out {
    char detail[256]; /* what was seen: "10 partitions, replication 3, min ISR 2" */
    bool skip;        /* set with PX_OK: the other side cannot answer this question */
    bool warn;        /* set with PX_OK: it works, but not as it should; ${detail} says what */
    char remedy[PX_PROBE_REMEDY]; /* with a warning or failure: what to type, one line each */
};

struct px_probe {
    const char *name; /* "kafka.topic": stable, dotted, lower case */
    const char *asks; /* "topic exists with its partitions"         */
    unsigned flags;
    const char *needs; /* skipped when that earlier probe failed; NULL = none */
    /* Leaves no trace. On failure reterr->msg names what failed and the remedy. */
    enum px_code (*run)(void *svc, struct px_probe_out *out, struct px_err *reterr);
};

enum px_probe_state {
    PX_PROBE_OK,
    PX_PROBE_WARNED,
    PX_PROBE_FAILED,
    PX_PROBE_SKIPPED
};
struct px_probe_result {
    const struct px_probe *probe;
    enum px_probe_state state;
    enum px_code code; /* what run() returned; PX_OK when it was skipped */
    px_us took;
    char detail[PX_ERR_MSG_MAX];
    char remedy[PX_PROBE_REMEDY]; /* "" = none beside ${detail} */
};

/* px_probes_run(list, n, mask, svc, clock, results): run those whose flags share a bit with ${mask}
 * (0 = all) in list order; probes not in the mask are left out. Returns how many results were
 * written; ${results} holds ${n}. Threads: owner of ${svc}.
 * A failure is PX_PROBE_WARNED when the probe has the WARN flag, else PX_PROBE_FAILED; at start-up
 * (mask has START) a START probe fails even with WARN. A probe whose `needs` failed, or was skipped
 * for the same reason, is skipped; one whose `needs` is outside the mask runs. */
size_t px_probes_run(const struct px_probe *list, size_t n, unsigned mask, void *svc,
                     const struct px_clock *clock, struct px_probe_result *results);
bool px_probes_failed(const struct px_probe_result *results, size_t n);

/* Text: "ok    kafka.topic      12 ms  10 partitions", the lines of a remedy indented below; then a
 * summary line. JSON: one object per line {"probe","state","ms","asks","detail"[,"remedy"]} and a
 * last one {"summary":...}. */
void px_probes_text(const struct px_probe_result *results, size_t n, struct px_buf *out);
void px_probes_json(const struct px_probe_result *results, size_t n, struct px_buf *out);
void px_probes_list(const struct px_probe *list, size_t n, struct px_buf *out);

#endif
