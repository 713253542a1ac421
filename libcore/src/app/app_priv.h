/* Private to app: one run of a program. */
#ifndef PX_APP_PRIV_H
#define PX_APP_PRIV_H

#include <px/app.h>

#include <pthread.h>
#include <stdatomic.h>

enum px_app_phase {
    PX_APP_INIT,
    PX_APP_STARTING,
    PX_APP_RUNNING,
    PX_APP_DRAINING
};

enum px_cli_mode {
    PX_CLI_RUN,
    PX_CLI_COMMAND,
    PX_CLI_CHECK,
    PX_CLI_PRINT_CONFIG,
    PX_CLI_DOCS,
    PX_CLI_VERSION,
    PX_CLI_HELP,
};

#define PX_CLI_SETS_MAX   128
#define PX_CLI_PARAMS_MAX 16

/* What the command line asks for. */
struct px_cli {
    enum px_cli_mode mode;
    const char *mode_name;                /* as written, for messages; NULL = none given */
    char arg[32];                         /* of the mode: "json", "up", ""       */
    const char *value;                    /* of a command that takes any; NULL = none */
    const struct px_app_command *command; /* COMMAND, and RUN in a special mode  */
    const char *config, *environment;
    const char *sets[PX_CLI_SETS_MAX];
    size_t nsets;
    struct {
        const char *name, *value;
    } params[PX_CLI_PARAMS_MAX]; /* of the command */
    size_t nparams;
    char *level_set; /* "Log:Level=..." made from --log-level; owned */
};

/* px_cli_parse(def, argc, argv, cli, reterr): Errors: PX_USAGE with a suggestion, PX_NOMEM. */
PX_MUST_USE enum px_code px_cli_parse(const struct px_app_def *def, int argc, char **argv,
                                      struct px_cli *cli, struct px_err *reterr);
void px_cli_fini(struct px_cli *cli);
void px_cli_help(const struct px_app_def *def, struct px_buf *out);

/* Stop requests, from signals or from the program itself; owned by signals.c. */
struct px_signals {
    pthread_t thread;
    bool running;
    int signal_fd;
    int wake_main;   /* eventfd: something for the main thread              */
    int wake_thread; /* eventfd: the deadline changed, or the end           */
    atomic_int stop; /* the signal that asks to stop, 0 = none              */
    atomic_bool reload, end;
    _Atomic px_us asked_at; /* mono time of the first stop signal           */
    _Atomic px_us leave_by; /* mono time after which the process just exits */
};

struct px_app {
    const struct px_app_def *def;
    struct px_cli cli;
    struct px_conf_input input;
    struct px_generation *generation; /* newest first: kept until the end */
    _Atomic(const void *) values;     /* the newest values                */
    _Atomic(void *) svc;
    char instance[128];
    const struct px_clock *clock;
    px_us began;
    atomic_int phase;
    atomic_bool started;
    atomic_int finish; /* PX_APP_UNFINISHED, or the enum px_code of px_app_finish */
    struct px_signals sig;
};

/* enum px_code is 0 or negative, so this is no code. */
#define PX_APP_UNFINISHED 1

/* Configuration of a run and its later versions (SIGHUP). */
struct px_generation {
    struct px_generation *older;
    struct px_conf *conf;
    void *values;
};

/* px_app_load(app, reterr): read the configuration into a new generation; on PX_CONFIG the
 * generation is there too, so that its problems can be shown. */
PX_MUST_USE enum px_code px_app_load(struct px_app *app, struct px_err *reterr);
/* px_app_reload(app): what SIGHUP does; logs the outcome. */
void px_app_reload(struct px_app *app);
void px_app_forget(struct px_app *app); /* frees all generations */

/* px_signals_start(app, reterr): block the signals, then read them on a thread.
 * Errors: PX_IO. */
PX_MUST_USE enum px_code px_signals_start(struct px_app *app, struct px_err *reterr);
void px_signals_stop(struct px_app *app);
/* px_signals_wait(app, until): sleep until something asks for the main thread, or mono time
 * ${until} (0 = no end). */
void px_signals_wait(struct px_app *app, px_us until);
void px_signals_leave_by(struct px_app *app, px_us when);
/* px_signals_bound(app, from): mono time at which a stop asked for at ${from} must be over. */
px_us px_signals_bound(const struct px_app *app, px_us from);

/* The run itself (run.c) and everything else a command line can ask for (modes.c). Both return the
 * exit status. */
int px_app_run(struct px_app *app);
int px_app_mode_run(struct px_app *app);

/* px_app_init_svc(app, reterr): def->init. */
PX_MUST_USE enum px_code px_app_init_svc(struct px_app *app, struct px_err *reterr);
void px_app_log_init(struct px_app *app);
/* px_app_complain(def, what): "svc-ingest: what" on stderr. */
void px_app_complain(const struct px_app_def *def, const char *what);
/* px_app_problems(app, all): configuration problems on stderr; warnings only when ${all}. */
void px_app_problems(const struct px_app *app, bool all);

#endif
