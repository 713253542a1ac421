/* See tiny_app.h. */
#include "tiny_app.h"

#include <px/app.h>
#include <px/log.h>

#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct tiny_conf {
#include <px/option_fields.h>
#include <px/options_app.def>
    PX_OPT_ENUM(wrong, "Tiny:Wrong", "", "", 0, "")
    PX_OPT_MS(drain, "Tiny:Drain", "", "", "", 0, "")
    PX_OPT_STR(word, "Tiny:Word", "", 0, "")
    PX_OPT_STR(secret, "Tiny:Secret", "", 0, "")
#include <px/option_end.h>
};

#define PX_OPTION_STRUCT struct tiny_conf
static const struct px_option rows[] = {
#include <px/option_rows.h>
#include <px/options_app.def>
    PX_OPT_ENUM(wrong, "Tiny:Wrong", "nothing", "nothing|init|start|probe|gap|finish|stuck|hang", 0,
                "What goes wrong.")
        PX_OPT_MS(drain, "Tiny:Drain", "0s", "0s", "1h", 0, "How long draining takes.")
            PX_OPT_STR(word, "Tiny:Word", "first", PX_OPT_RELOAD, "May change at run time.")
                PX_OPT_STR(secret, "Tiny:Secret", "", PX_OPT_SECRET, "Hidden.")
#include <px/option_end.h>
};

enum wrong {
    NOTHING,
    INIT,
    START,
    PROBE,
    GAP,
    FINISH,
    STUCK,
    HANG
};

struct tiny {
    struct px_app *app;
    const struct tiny_conf *conf;
    pthread_t thread;
    bool has_thread;
};

static void rest(px_us span) {
    struct timespec t = {.tv_sec = span / PX_US_PER_S, .tv_nsec = span % PX_US_PER_S * 1000};
    nanosleep(&t, NULL);
}

static enum px_code tiny_init(struct px_app *app, const void *conf, void **ret_svc,
                              struct px_err *reterr) {
    static struct tiny t;
    char dir[512];

    t = (struct tiny){.app = app, .conf = conf};
    px_log0(PX_LOG_INFO, "tiny.init");
    if (t.conf->wrong == INIT) {
        return PX_FAIL(reterr, PX_CONFIG, "Tiny:Wrong and Tiny:Word do not fit together");
    }
    if (t.conf->wrong == HANG) {
        px_log0(PX_LOG_INFO, "tiny.hangs");
        rest(3600 * PX_US_PER_S);
    }
    if (px_app_data_dir(app, "schemas", dir, sizeof dir, NULL) == PX_OK) {
        px_log(PX_LOG_INFO, "tiny.schemas", PX_F_C("dir", dir));
    }
    *ret_svc = &t;
    return PX_OK;
}

/* Asks for the end from a thread of its own. */
static void *finisher(void *arg) {
    struct tiny *t = arg;

    while (!px_app_started(t->app)) {
        rest(1000);
    }
    px_app_finish(t->app, t->conf->wrong == GAP ? PX_GAP : PX_OK);
    px_app_finish(t->app, PX_INTERNAL); /* too late: the first one counts */
    return NULL;
}

static enum px_code tiny_start(void *svc, struct px_err *reterr) {
    struct tiny *t = svc;
    const char *mode = px_app_mode(t->app);

    px_log(PX_LOG_INFO, "tiny.start", PX_F_BOOL("started", px_app_started(t->app)),
           PX_F_BOOL("ready", px_app_ready(t->app)));
    if (t->conf->wrong == START) {
        return PX_FAIL(reterr, PX_UNAVAILABLE, "no broker");
    }
    if (t->conf->wrong == GAP || t->conf->wrong == FINISH || mode) {
        t->has_thread = pthread_create(&t->thread, NULL, finisher, t) == 0;
    }
    return PX_OK;
}

static void tiny_drain(void *svc, px_us deadline) {
    struct tiny *t = svc;

    px_log(PX_LOG_INFO, "tiny.drain", PX_F_BOOL("ready", px_app_ready(t->app)),
           PX_F_BOOL("started", px_app_started(t->app)),
           PX_F_BOOL("draining", px_app_draining(t->app)),
           PX_F_MS("left_ms", deadline - px_mono(&px_clock_system)));
    rest(t->conf->drain);
    if (t->conf->wrong == STUCK) {
        rest(3600 * PX_US_PER_S);
    }
}

static void tiny_stop(void *svc) {
    struct tiny *t = svc;

    if (t->has_thread) {
        pthread_join(t->thread, NULL);
    }
    px_log0(PX_LOG_INFO, "tiny.stop");
}

static void tiny_fini(void *svc PX_UNUSED) {
    px_log0(PX_LOG_INFO, "tiny.fini");
}

static void tiny_reload(void *svc PX_UNUSED, const void *conf) {
    const struct tiny_conf *c = conf;
    px_log(PX_LOG_ERROR, "tiny.reload", PX_F_C("word", c->word), PX_F_MS("drain_ms", c->drain));
}

static void tiny_versions(struct px_buf *out) {
    px_buf_c(out, ", libtiny 1.0");
}

static enum px_code probe_offline(void *svc PX_UNUSED, struct px_probe_out *out,
                                  struct px_err *reterr PX_UNUSED) {
    snprintf(out->detail, sizeof out->detail, "all is well");
    return PX_OK;
}

static enum px_code probe_broker(void *svc, struct px_probe_out *out PX_UNUSED,
                                 struct px_err *reterr) {
    struct tiny *t = svc;
    return t->conf->wrong == PROBE ? PX_FAIL(reterr, PX_UNAVAILABLE, "no broker; start one")
                                   : PX_OK;
}

static const struct px_probe probes[] = {
    {.name = "tiny.self",
     .asks = "is all well?",
     .flags = PX_PROBE_FATAL | PX_PROBE_OFFLINE,
     .run = probe_offline},
    {.name = "tiny.broker",
     .asks = "is the broker there?",
     .flags = PX_PROBE_FATAL | PX_PROBE_START,
     .run = probe_broker},
};

static enum px_code tidy(void *svc, const char *arg, struct px_err *reterr) {
    const struct px_app *app = ((struct tiny *)svc)->app;
    const char *room = px_app_param(app, "room");

    printf("tidy %s%s%s%s\n", arg, room ? " in " : "", room ? room : "",
           px_app_param(app, "quick") ? ", quickly" : "");
    fflush(stdout);
    return strcmp(arg, "up") == 0 ? PX_FAIL(reterr, PX_SQL_LOST, "the database went away") : PX_OK;
}

static const struct px_app_param tidy_params[] = {
    {.name = "room", .value = "NAME", .help = "only there"},
    {.name = "quick", .help = "not under the bed"},
};

static const struct px_app_command commands[] = {
    {.name = "once", .help = "work once, then end", .runs_service = true},
    {.name = "tidy",
     .args = "status|plan|up",
     .help = "tidy up",
     .run = tidy,
     .params = tidy_params,
     .nparams = PX_ARRAY_LEN(tidy_params)},
    {.name = "air",
     .args = "in|out",
     .help = "open a window",
     .run = tidy,
     .params = tidy_params,
     .nparams = 1},
};

static const struct px_metric_def metrics[] = {
    {.kind = PX_METRIC_COUNTER, .name = "px_tiny_total", .help = "Tiny things."},
};

static const struct px_app_def def = {
    .name = "svc-tiny",
    .summary = "a service for tests",
    .options = {.v = rows, .n = PX_ARRAY_LEN(rows), .conf_size = sizeof(struct tiny_conf)},
    .probes = probes,
    .nprobes = PX_ARRAY_LEN(probes),
    .commands = commands,
    .ncommands = PX_ARRAY_LEN(commands),
    .metrics = metrics,
    .nmetrics = PX_ARRAY_LEN(metrics),
    .init = tiny_init,
    .start = tiny_start,
    .drain = tiny_drain,
    .stop = tiny_stop,
    .fini = tiny_fini,
    .reload = tiny_reload,
    .versions = tiny_versions,
};

int tiny_main(int argc, char **argv) {
    return px_app_main(&def, argc - 1, argv + 1);
}
