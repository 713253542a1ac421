/* px-load: traffic with a known truth against a running ingest; see load.h. Reads its options, runs
 * the client, and writes what came of it. */
#include "load.h"

#include <px/mem.h>

#include <signal.h>
#include <stdio.h>

static int load_write_truth(const struct load_run *run) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT((size_t)1 << 30);
    struct px_err err = PX_ERR_INIT;

    if (!run->conf.truth_file) {
        return 0;
    }
    if (load_truth_write(run, &b, &err)) {
        fprintf(stderr, "px-load: --truth: %s\n", err.msg);
        return 70;
    }
    FILE *f = fopen(run->conf.truth_file, "we");
    bool written = f && fwrite(b.p, 1, b.n, f) == b.n;
    if (f && fclose(f)) {
        written = false;
    }
    if (!written) {
        fprintf(stderr, "px-load: --truth %s cannot be written\n", run->conf.truth_file);
    }
    return written ? 0 : 74;
}

/* Room for the plan and for three retries of each; memory is touched only as it fills. */
static uint32_t load_cap(const struct load_conf *c) {
    double planned = (double)c->rate * (double)c->duration / 1e6;
    double most = c->attempts > 1 ? planned * 4 : planned;

    if (c->duration == 0 || most > LOAD_MAX_REQUESTS - 1000.0) {
        return LOAD_MAX_REQUESTS;
    }
    return (uint32_t)most + 1000;
}

static int load_fail(const struct px_err *err) {
    fprintf(stderr, "px-load: %s\n", err->msg);
    return err->code == PX_INVALID ? 64 : px_code_exit(err->code);
}

static int load_go(struct load_run *run) {
    struct px_err err = PX_ERR_INIT;

    if (load_client_run(run, &err)) {
        return load_fail(&err);
    }
    load_summary_print(run);
    int status = load_write_truth(run);
    return status ? status : load_all_answered(run) ? 0 : 1;
}

int main(int argc, char **argv) {
    struct load_run *run = px_alloc(sizeof *run);
    int status = 70;

    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error, not an end */
    if (run && load_options_read(&run->conf, argc, argv, &status)) {
        run->cap = load_cap(&run->conf);
        run->v = px_calloc2(run->cap, sizeof *run->v);
        if (run->v) {
            status = load_go(run);
        } else {
            fprintf(stderr, "px-load: no memory for %u requests; give a shorter --duration\n",
                    run->cap);
        }
        px_free(run->v);
    }
    px_free(run);
    return status;
}
