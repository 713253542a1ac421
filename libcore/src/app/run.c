/* One run of the service: init, START probes, start, run until asked to stop, drain, stop, fini.
 * The order is the contract of <px/app.h>; what the steps do lies in the programs. */
#include "app_priv.h"

#include <px/log.h>
#include <px/mem.h>

#include <string.h>
#include <unistd.h>

/* Share of Shutdown:Timeout that is kept back for stop and fini: a tenth, at most 2 s. */
static px_us stop_reserve(const struct px_app *app) {
    px_us tenth = px_app_shared(app)->drain_timeout / 10;
    return tenth < 2 * PX_US_PER_S ? tenth : 2 * PX_US_PER_S;
}

static void phase_set(struct px_app *app, enum px_app_phase phase) {
    atomic_store_explicit(&app->phase, (int)phase, memory_order_release);
}

static int finish_of(const struct px_app *app) {
    return atomic_load_explicit(&app->finish, memory_order_acquire);
}

static int stop_signal(const struct px_app *app) {
    return atomic_load_explicit(&app->sig.stop, memory_order_acquire);
}

static int exit_status(const struct px_app *app) {
    int code = finish_of(app);
    return code == PX_APP_UNFINISHED || code == PX_OK ? 0 : px_code_exit((enum px_code)code);
}

/* --- start
 * ---------------------------------------------------------------------------------------- */

static enum px_code start_probes(struct px_app *app, struct px_err *reterr) {
    const struct px_app_def *def = app->def;
    struct px_probe_result *r = px_calloc2(def->nprobes + 1, sizeof *r);
    enum px_code code = PX_OK;
    size_t n;

    if (!r) {
        return PX_FAIL(reterr, PX_NOMEM, "probes");
    }
    n = px_probes_run(def->probes, def->nprobes, PX_PROBE_START, px_app_svc(app), app->clock, r);
    for (size_t i = 0; i < n; i++) {
        if (r[i].state != PX_PROBE_FAILED) {
            continue;
        }
        px_log(PX_LOG_ERROR, "app.probe_failed", PX_F_C("probe.name", r[i].probe->name),
               PX_F_C("error.type", px_code_name(r[i].code)), PX_F_C("error.message", r[i].detail),
               PX_F_C("remedy", r[i].remedy[0] ? r[i].remedy : "do what error.message says"),
               PX_F_MS("event.duration_ms", r[i].took));
        if (code == PX_OK) {
            code = PX_FAIL(reterr, r[i].code, "probe %s: %s", r[i].probe->name, r[i].detail);
        }
    }
    px_free(r);
    return code;
}

static enum px_code start(struct px_app *app, struct px_err *reterr) {
    enum px_code code = start_probes(app, reterr);

    if (code != PX_OK) {
        return code;
    }
    phase_set(app, PX_APP_STARTING);
    code = app->def->start(px_app_svc(app), reterr);
    if (code != PX_OK) {
        px_signals_leave_by(app, px_mono(app->clock) + px_app_shared(app)->drain_timeout);
        app->def->stop(px_app_svc(app));
        return code;
    }
    phase_set(app, PX_APP_RUNNING);
    atomic_store_explicit(&app->started, true, memory_order_release);
    px_log(PX_LOG_INFO, "app.ready",
           PX_F_MS("event.duration_ms", px_mono(app->clock) - app->began));
    return PX_OK;
}

/* --- run and stop
 * ----------------------------------------------------------------------------------- */

static void until_asked(struct px_app *app) {
    while (!stop_signal(app) && finish_of(app) == PX_APP_UNFINISHED) {
        if (atomic_exchange_explicit(&app->sig.reload, false, memory_order_acq_rel)) {
            px_app_reload(app);
            continue;
        }
        px_signals_wait(app, 0);
    }
}

static const char *stop_reason(const struct px_app *app) {
    int signo = stop_signal(app), finish = finish_of(app);

    if (finish != PX_APP_UNFINISHED) {
        return finish == PX_OK ? "finished" : px_code_name((enum px_code)finish);
    }
    return sigabbrev_np(signo) ? sigabbrev_np(signo) : "signal";
}

/* Not ready any more, but serving: load balancers need time to notice. */
static void serve_delay(struct px_app *app, px_us until) {
    while (finish_of(app) == PX_APP_UNFINISHED && px_mono(app->clock) < until) {
        px_signals_wait(app, until);
    }
}

static void drain_and_stop(struct px_app *app) {
    const struct px_app_conf *shared = px_app_shared(app);
    bool asked = stop_signal(app) != 0;
    px_us from = asked ? atomic_load_explicit(&app->sig.asked_at, memory_order_relaxed)
                       : px_mono(app->clock);
    px_us bound = asked ? px_signals_bound(app, from) : from + shared->drain_timeout;
    px_us drained;

    phase_set(app, PX_APP_DRAINING);
    px_signals_leave_by(app, bound);
    px_log(PX_LOG_INFO, "app.draining", PX_F_C("stop.reason", stop_reason(app)),
           PX_F_MS("stop.bound_ms", bound - px_mono(app->clock)));
    if (asked) {
        serve_delay(app, from + shared->drain_delay);
    }
    app->def->drain(px_app_svc(app), bound - stop_reserve(app));
    drained = px_mono(app->clock);
    app->def->stop(px_app_svc(app));
    px_log(PX_LOG_INFO, "app.stopped", PX_F_C("stop.reason", stop_reason(app)),
           PX_F_BOOL("stop.cut_short", false), PX_F_MS("stop.drain_ms", drained - from),
           PX_F_MS("event.duration_ms", px_mono(app->clock) - from),
           PX_F_MS("app.uptime_ms", px_mono(app->clock) - app->began),
           PX_F_INT("process.exit_code", exit_status(app)));
}

static int failed(const struct px_err *err, const char *step) {
    px_log(PX_LOG_ERROR, "app.start_failed", PX_F_C("app.step", step), PX_F_ERR(err),
           PX_F_INT("process.exit_code", px_code_exit(err->code)));
    return px_code_exit(err->code);
}

static void log_start(const struct px_app *app) {
    const char *mode = px_app_mode(app);
    const char *environment = px_conf_environment(&app->input);
    size_t n;
    const struct px_conf_problem *p = px_conf_problems(app->generation->conf, &n);

    px_log(PX_LOG_INFO, "app.start", PX_F_C("app.revision", px_revision()),
           PX_F_INT("process.pid", getpid()), PX_F_C("app.mode", mode ? mode : "service"),
           PX_F_C("deployment.environment.name", environment ? environment : ""));
    for (size_t i = 0; i < n; i++) {
        px_log(PX_LOG_WARN, "config.problem", PX_F_C("config.problem", p[i].text));
    }
}

int px_app_run(struct px_app *app) {
    struct px_err err = PX_ERR_INIT;
    int status = 0;

    px_app_log_init(app);
    if (px_signals_start(app, &err) != PX_OK) {
        px_signals_stop(app);
        return failed(&err, "signals");
    }
    log_start(app);
    if (px_app_init_svc(app, &err) != PX_OK) {
        status = failed(&err, "init");
    } else if (start(app, &err) != PX_OK) {
        status = failed(&err, "start");
    } else {
        until_asked(app);
        drain_and_stop(app);
        status = exit_status(app);
    }
    if (px_app_svc(app)) {
        app->def->fini(px_app_svc(app));
    }
    px_signals_stop(app);
    return status;
}
