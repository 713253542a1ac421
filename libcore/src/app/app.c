/* Entry of every program: command line first, then the mode it asks for; and what a program may ask
 * about its run. The run itself is run.c. Prints only what cannot be logged yet. */
#include "app_priv.h"

#include <px/log.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void px_app_complain(const struct px_app_def *def, const char *what) {
    fprintf(stderr, "%s: %s\n", def->name, what);
}

void px_app_problems(const struct px_app *app, bool all) {
    size_t n;
    const struct px_conf_problem *p = px_conf_problems(app->generation->conf, &n);

    for (size_t i = 0; i < n; i++) {
        if (all || !p[i].warning) {
            fprintf(stderr, "%s: %s: %s\n", app->def->name, p[i].warning ? "warning" : "error",
                    p[i].text);
        }
    }
}

static void name_instance(struct px_app *app) {
    const char *id = px_app_shared(app)->instance;
    char host[64] = "localhost";

    if (id[0]) {
        snprintf(app->instance, sizeof app->instance, "%s", id);
        return;
    }
    if (gethostname(host, sizeof host) != 0) {
        snprintf(host, sizeof host, "localhost");
    }
    host[sizeof host - 1] = '\0';
    snprintf(app->instance, sizeof app->instance, "%s-%ld", host, (long)getpid());
}

void px_app_log_init(struct px_app *app) {
    name_instance(app);
    px_log_init(&(struct px_log_conf){
        .service = app->def->name,
        .version = px_version(),
        .instance = app->instance,
        .level = (enum px_log_level)px_app_shared(app)->log_level,
        .fd = STDERR_FILENO,
    });
}

enum px_code px_app_init_svc(struct px_app *app, struct px_err *reterr) {
    const void *values = atomic_load_explicit(&app->values, memory_order_acquire);
    void *svc = NULL;
    enum px_code code = app->def->init(app, values, &svc, reterr);

    if (code == PX_OK) {
        atomic_store_explicit(&app->svc, svc, memory_order_release);
    }
    return code;
}

static void app_set_up(struct px_app *app, const struct px_app_def *def) {
    *app = (struct px_app){
        .def = def,
        .clock = &px_clock_system,
        .sig = {.signal_fd = -1, .wake_main = -1, .wake_thread = -1},
    };
    app->began = px_mono(app->clock);
    atomic_init(&app->finish, PX_APP_UNFINISHED);
    atomic_init(&app->phase, PX_APP_INIT);
}

/* Where a standard stream is closed, what is opened next would take its place, and the log or an
 * answer would be written into a socket. For reading alone: writing stays an error. */
static void hold_streams(void) {
    int fd;

    do {
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    } while (fd >= 0 && fd < STDERR_FILENO);
    if (fd > STDERR_FILENO) {
        close(fd);
    }
}

int px_app_main(const struct px_app_def *def, int argc, char **argv) {
    struct px_app app;
    struct px_err err = PX_ERR_INIT;
    int status;

    hold_streams();
    app_set_up(&app, def);
    signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of that write, nothing more */
    signal(SIGXFSZ, SIG_IGN); /* and so is a file that may not grow */
    if (px_cli_parse(def, argc, argv, &app.cli, &err) != PX_OK) {
        px_app_complain(def, err.msg);
        px_cli_fini(&app.cli);
        return px_code_exit(err.code);
    }
    app.input = (struct px_conf_input){
        .program = def->name,
        .file = app.cli.config,
        .environment = app.cli.environment,
        .sets = app.cli.sets,
        .nsets = app.cli.nsets,
        .envp = environ,
    };
    status = px_app_mode_run(&app);
    px_app_forget(&app);
    px_cli_fini(&app.cli);
    return status;
}

/* --- questions of the program -------------------------------------------------------------------
 */

static enum px_app_phase phase_of(const struct px_app *app) {
    return (enum px_app_phase)atomic_load_explicit(&app->phase, memory_order_acquire);
}

bool px_app_started(const struct px_app *app) {
    return atomic_load_explicit(&app->started, memory_order_acquire);
}

/* The signal counts from its arrival, not from when the main thread comes to it. */
bool px_app_draining(const struct px_app *app) {
    return phase_of(app) == PX_APP_DRAINING ||
           atomic_load_explicit(&app->sig.stop, memory_order_acquire) != 0 ||
           atomic_load_explicit(&app->finish, memory_order_acquire) != PX_APP_UNFINISHED;
}

bool px_app_ready(const struct px_app *app) {
    return px_app_started(app) && !px_app_draining(app);
}

const char *px_app_mode(const struct px_app *app) {
    return app->cli.mode == PX_CLI_RUN && app->cli.command ? app->cli.command->name : NULL;
}

const char *px_app_param(const struct px_app *app, const char *name) {
    for (size_t i = 0; i < app->cli.nparams; i++) {
        if (strcmp(app->cli.params[i].name, name) == 0) {
            return app->cli.params[i].value;
        }
    }
    return NULL;
}

const struct px_app_def *px_app_def(const struct px_app *app) {
    return app->def;
}

const struct px_app_conf *px_app_shared(const struct px_app *app) {
    const char *values = atomic_load_explicit(&app->values, memory_order_acquire);
    return (const struct px_app_conf *)(const void *)(values + app->def->shared_offset);
}

void *px_app_svc(const struct px_app *app) {
    return atomic_load_explicit(&app->svc, memory_order_acquire);
}

const char *px_app_instance(const struct px_app *app) {
    return app->instance;
}

const char *px_version(void) {
    return PX_VERSION;
}

const char *px_revision(void) {
    return PX_REVISION;
}
