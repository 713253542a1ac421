/* The life of a program, the same for all three: command line, configuration, --check, start, run,
 * drain, stop, exit code. A program's main.c holds one struct px_app_def and a call.
 *
 * Order of a run: parse argv -> load configuration (78 with all problems) -> log -> init (build, no
 * I/O) -> START probes -> start (ports open, threads run) -> [run until SIGTERM, SIGINT, finished
 * or fatal] -> not ready, keep serving the drain delay -> drain (bounded) -> stop -> fini -> exit
 * code. Signals are blocked in every thread and read from a signalfd by a thread of their own, so
 * that a second SIGTERM or SIGINT leaves at once (exit 0, draining cut short; within 200 ms of the
 * first it is the same wish and changes nothing) whatever the main thread does, and so does a drain
 * that passes its bound: from SIGTERM to the exit never takes longer than Shutdown:Delay +
 * Shutdown:Timeout (exit 75 when it had to be cut). A run that finished by itself skips the delay.
 * A signal that comes before start() leaves at once. SIGHUP reads the configuration again,
 * validates all of it, and applies the rows with PX_OPT_RELOAD. */
#ifndef PX_APP_H
#define PX_APP_H

#include <px/clock.h>
#include <px/conf.h>
#include <px/metric.h>
#include <px/probe.h>

struct px_app;

/* What a command can be told: --from 2026-11-01, --json. Names are not those of px/app.h's own
 * options; several commands may share one, which then takes a value in all of them or in none. */
struct px_app_param {
    const char *name;
    const char *value; /* "DATE": it takes one, called so in --help; NULL = a flag */
    const char *help;
};

/* An extra command of a program: --once, --migrate=up. */
struct px_app_command {
    const char *name;  /* "migrate" for --migrate[=arg] */
    const char *args;  /* "status|plan|up" or NULL when it takes none; the first is the default */
    const char *value; /* instead: it takes any value, called so in --help, and needs one */
    const char *help;
    bool runs_service; /* true: a mode of the normal run (--once); false: run() instead of it */
    /* Returns PX_OK or the code whose exit status the program ends with. Prints its own result. */
    enum px_code (*run)(void *svc, const char *arg, struct px_err *reterr);
    const struct px_app_param *params;
    size_t nparams;
};

struct px_app_def {
    const char *name;    /* "svc-ingest" */
    const char *summary; /* one line for --help */
    struct px_options options;
    /* where in the configuration struct the shared rows live (options_app.def) */
    size_t shared_offset;
    const struct px_probe *probes;
    size_t nprobes;
    const struct px_app_command *commands;
    size_t ncommands;
    const struct px_metric_def *metrics; /* for --docs=metrics; may be NULL */
    size_t nmetrics;

    /* init(app, conf, ret_svc, reterr): check cross-option rules, load catalogs, build objects; no
     * network. The values in ${conf} live until fini. */
    enum px_code (*init)(struct px_app *app, const void *conf, void **ret_svc,
                         struct px_err *reterr);
    /* start: open connections and ports, start threads. A failure ends the program. */
    enum px_code (*start)(void *svc, struct px_err *reterr);
    /* drain: stop taking work, finish what was taken, at most until ${deadline} (mono clock).
     * Called on the main thread after the drain delay; blocks. Called also when the run finished by
     * itself. A part of Shutdown:Timeout is kept back for stop and fini. */
    void (*drain)(void *svc, px_us deadline);
    /* stop: end threads, close connections. Called also after a failed start. */
    void (*stop)(void *svc);
    void (*fini)(void *svc);
    /* reload (may be NULL): SIGHUP; ${conf} is validated, only PX_OPT_RELOAD rows may differ; it
     * lives until fini. Called on the main thread. Log:Level has been applied already. */
    void (*reload)(void *svc, const void *conf);
    /* versions (may be NULL): append ", librdkafka 2.0.2" for --version. */
    void (*versions)(struct px_buf *out);
};

/* The shared options every program includes with `#include <px/options_app.def>` as the first rows.
 */
struct px_app_conf {
#include <px/option_fields.h>
#include <px/options_app.def>
#include <px/option_end.h>
};

/* px_app_main(def, argc, argv): everything; returns the exit status for main. */
int px_app_main(const struct px_app_def *def, int argc, char **argv);

/* For the program's own code. Threads: any. */
bool px_app_ready(const struct px_app *app);   /* started and not draining            */
bool px_app_started(const struct px_app *app); /* start() returned PX_OK              */
bool px_app_draining(const struct px_app *app);
/* px_app_finish(app, code): ask the main thread to end the run: PX_OK = done (--once), else the
 * exit status of ${code}. First call wins. Logs nothing: the caller says why. */
void px_app_finish(struct px_app *app, enum px_code code);
const char *px_app_mode(
    const struct px_app *app); /* name of the runs_service command given, or NULL */
/* px_app_param(app, name): the value of a parameter of the command that was given, "" for a flag;
 * NULL = not given. Whether a value makes sense is the command's business (PX_USAGE). */
const char *px_app_param(const struct px_app *app, const char *name);
/* px_app_print(text, reterr): all of a command's output, to stdout and out of its buffer. Errors:
 * PX_IO (a full disk, a reader that went away). */
PX_MUST_USE enum px_code px_app_print(struct px_str text, struct px_err *reterr);
const struct px_app_def *px_app_def(const struct px_app *app);
const struct px_app_conf *px_app_shared(const struct px_app *app);
void *px_app_svc(const struct px_app *app);
/* px_app_instance(app): Instance:Id, or host name and process id. */
const char *px_app_instance(const struct px_app *app);

/* px_app_data_dir(app, what, out, cap, reterr): the folder ${what} ("schemas" or "database"):
 * Schemas:Directory when set (its sibling for "database"), else beside the source tree that the
 * binary was built in, else share/pixel-analytics of the prefix that it is installed under.
 * Errors: PX_CONFIG with the places that were tried (${out} is then unspecified). Threads: any. */
PX_MUST_USE enum px_code px_app_data_dir(const struct px_app *app, const char *what, char *out,
                                         size_t cap, struct px_err *reterr);

const char *px_version(void);  /* "0.1.0"  */
const char *px_revision(void); /* git hash */

#endif
