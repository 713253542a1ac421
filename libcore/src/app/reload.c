/* The configuration of a run and its later versions. A version is never changed once threads have
 * seen it: SIGHUP makes a new one out of the old values and the rows that may change. */
#include "app_priv.h"

#include <px/log.h>
#include <px/mem.h>

static void generation_free(struct px_generation *g) {
    if (!g) {
        return;
    }
    px_conf_free(g->conf);
    px_free(g->values);
    px_free(g);
}

/* Errors: those of px_conf_load; on PX_CONFIG *ret is set all the same. */
static enum px_code generation_load(const struct px_app *app, struct px_generation **ret,
                                    struct px_err *reterr) {
    struct px_generation *g = px_alloc(sizeof *g);
    enum px_code code;

    if (g) {
        g->values = px_alloc(app->def->options.conf_size);
    }
    if (!g || !g->values) {
        generation_free(g);
        return PX_FAIL(reterr, PX_NOMEM, "configuration");
    }
    code = px_conf_load(&app->def->options, &app->input, g->values, &g->conf, reterr);
    if (code != PX_OK && code != PX_CONFIG) {
        generation_free(g);
        return code;
    }
    *ret = g;
    return code;
}

enum px_code px_app_load(struct px_app *app, struct px_err *reterr) {
    enum px_code code = generation_load(app, &app->generation, reterr);

    if (code == PX_OK) {
        atomic_store_explicit(&app->values, app->generation->values, memory_order_release);
    }
    return code;
}

void px_app_forget(struct px_app *app) {
    while (app->generation) {
        struct px_generation *g = app->generation;
        app->generation = g->older;
        generation_free(g);
    }
}

/* Put the old value back into every row that may not change while running; says which differed. */
static void keep_fixed(const struct px_app *app, const void *now, struct px_generation *g) {
    const struct px_options *opts = &app->def->options;

    for (size_t i = 0; i < opts->n; i++) {
        const struct px_option *o = &opts->v[i];
        if ((o->flags & PX_OPT_RELOAD) || px_conf_same(o, now, g->values)) {
            continue;
        }
        px_conf_copy(o, now, g->values);
        px_log(PX_LOG_WARN, "config.needs_restart", PX_F_C("config.option", o->key));
    }
}

static unsigned count_changes(const struct px_app *app, const void *a, const void *b) {
    const struct px_options *opts = &app->def->options;
    unsigned n = 0;

    for (size_t i = 0; i < opts->n; i++) {
        n += !px_conf_same(&opts->v[i], a, b);
    }
    return n;
}

static void log_problems(const struct px_generation *g) {
    size_t n;
    const struct px_conf_problem *p = px_conf_problems(g->conf, &n);

    for (size_t i = 0; i < n; i++) {
        px_log(p[i].warning ? PX_LOG_WARN : PX_LOG_ERROR, "config.problem",
               PX_F_C("config.problem", p[i].text));
    }
}

void px_app_reload(struct px_app *app) {
    const void *now = atomic_load_explicit(&app->values, memory_order_acquire);
    struct px_generation *g = NULL;
    struct px_err err = PX_ERR_INIT;
    enum px_code code = generation_load(app, &g, &err);

    if (g) {
        log_problems(g);
    }
    if (code != PX_OK) {
        px_log(PX_LOG_ERROR, "config.reload_failed", PX_F_ERR(&err),
               PX_F_C("remedy", "mend the configuration and send SIGHUP again; nothing changed"));
        generation_free(g);
        return;
    }
    keep_fixed(app, now, g);
    px_log(PX_LOG_INFO, "config.reloaded",
           PX_F_INT("config.changed", count_changes(app, now, g->values)));
    g->older = app->generation;
    app->generation = g;
    atomic_store_explicit(&app->values, g->values, memory_order_release);
    px_log_set_level((enum px_log_level)px_app_shared(app)->log_level);
    if (app->def->reload) {
        app->def->reload(px_app_svc(app), g->values);
    }
}
