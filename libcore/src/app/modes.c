/* What a command line can ask for besides the run: --check, --print-config, --docs, --help,
 * --version and the program's own commands. Answers go to stdout, complaints to stderr. Signals
 * keep their default here: Ctrl-C ends a check at once and is no success. */
#include "app_priv.h"

#include <px/jsonw.h>
#include <px/mem.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define MODES_TEXT_MAX (4 * 1024 * 1024)

static bool arg_is(const struct px_app *app, const char *arg) {
    return strcmp(app->cli.arg, arg) == 0;
}

/* The whole text to stdout; a reader that went away is its own business, but not a success. */
static int answer(const struct px_app *app, const struct px_buf *b, int status) {
    size_t at = 0;

    if (b->failed) {
        return px_code_exit(PX_NOMEM);
    }
    while (at < b->n) {
        ssize_t n = write(STDOUT_FILENO, b->p + at, b->n - at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            struct px_err err = PX_ERR_INIT;
            enum px_code code = px_err_errno(&err, PX_IO, PX_HERE, "stdout");
            px_app_complain(app->def, err.msg);
            return px_code_exit(code);
        }
        at += (size_t)n;
    }
    return status;
}

/* --- texts that need no configuration
 * ------------------------------------------------------------- */

enum px_code px_app_print(struct px_str text, struct px_err *reterr) {
    if (fwrite(text.p ? text.p : "", 1, text.n, stdout) != text.n || fflush(stdout) != 0) {
        return px_err_errno(reterr, PX_IO, PX_HERE, "stdout");
    }
    return PX_OK;
}

static int version(const struct px_app *app) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MODES_TEXT_MAX);

    px_buf_printf(&b, "%s %s (git %s", app->def->name, px_version(), px_revision());
    if (app->def->versions) {
        app->def->versions(&b);
    }
    px_buf_c(&b, ")\n");
    return answer(app, &b, 0);
}

static int help(const struct px_app *app) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MODES_TEXT_MAX);

    px_cli_help(app->def, &b);
    return answer(app, &b, 0);
}

static void errors_markdown(struct px_buf *b) {
    static const struct {
        const char *name, *doc;
        int http, exit;
    } rows[] = {
#define PX_CODE(NAME, text, status, leaves, flags, meaning)                                        \
    {.name = (text), .doc = (meaning), .http = (status), .exit = (leaves)},
#include <px/err.def>
#undef PX_CODE
    };

    px_buf_c(b, "| error | HTTP | exit | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        px_buf_printf(b, "| `%s` | %d | %d | %s |\n", rows[i].name, rows[i].http, rows[i].exit,
                      rows[i].doc);
    }
}

static int docs(const struct px_app *app) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MODES_TEXT_MAX);

    if (arg_is(app, "options")) {
        px_conf_markdown(&app->def->options, &b);
    } else if (arg_is(app, "errors")) {
        errors_markdown(&b);
    } else {
        px_metrics_markdown(app->def->metrics, app->def->nmetrics, &b);
    }
    return answer(app, &b, 0);
}

static int check_list(const struct px_app *app) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MODES_TEXT_MAX);

    px_probes_list(app->def->probes, app->def->nprobes, &b);
    return answer(app, &b, 0);
}

/* --- configuration
 * ---------------------------------------------------------------------------------- */

static int print_config(const struct px_app *app) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MODES_TEXT_MAX);

    px_app_problems(app, true);
    px_conf_print(app->generation->conf, &b);
    return answer(app, &b, 0);
}

static void problems_json(const struct px_app *app, struct px_buf *b) {
    size_t n;
    const struct px_conf_problem *p = px_conf_problems(app->generation->conf, &n);

    for (size_t i = 0; i < n; i++) {
        struct px_jsonw w = px_jsonw_on(b);
        px_jw_obj(&w);
        px_jw_kc(&w, "problem", p[i].text);
        px_jw_kc(&w, "severity", p[i].warning ? "warning" : "error");
        px_jw_obj_end(&w);
        px_buf_byte(b, '\n');
    }
}

/* Configuration that cannot be used: every problem, where the mode shows its results. */
static int bad_config(const struct px_app *app, const struct px_err *err) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MODES_TEXT_MAX);

    if (!app->generation) {
        px_app_complain(app->def, err->msg);
        return px_code_exit(err->code);
    }
    if (app->cli.mode != PX_CLI_CHECK || !arg_is(app, "json")) {
        px_app_problems(app, app->cli.mode != PX_CLI_RUN);
        return px_code_exit(PX_CONFIG);
    }
    problems_json(app, &b);
    return answer(app, &b, px_code_exit(PX_CONFIG));
}

/* --- modes with the service's objects
 * ----------------------------------------------------------------- */

static int check_results(struct px_app *app, struct px_probe_result *r, struct px_buf *b) {
    const struct px_app_def *def = app->def;
    unsigned mask = arg_is(app, "offline") ? PX_PROBE_OFFLINE : 0;
    size_t n = px_probes_run(def->probes, def->nprobes, mask, px_app_svc(app), app->clock, r);

    if (arg_is(app, "json")) {
        px_probes_json(r, n, b);
    } else {
        px_probes_text(r, n, b);
    }
    return px_probes_failed(r, n) ? 1 : 0;
}

static int check(struct px_app *app) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MODES_TEXT_MAX);
    struct px_probe_result *r = px_calloc2(app->def->nprobes + 1, sizeof *r);
    int status;

    if (!r) {
        return px_code_exit(PX_NOMEM);
    }
    if (arg_is(app, "json")) {
        problems_json(app, &b);
    } else {
        px_app_problems(app, true);
    }
    status = check_results(app, r, &b);
    px_free(r);
    return answer(app, &b, status);
}

static int command(struct px_app *app) {
    const struct px_app_command *c = app->cli.command;
    struct px_err err = PX_ERR_INIT;
    enum px_code code;

    const char *arg = app->cli.arg[0] ? app->cli.arg : NULL;
    px_app_problems(app, true);
    code = c->run(px_app_svc(app), c->value ? app->cli.value : arg, &err);
    if (code == PX_OK) {
        return 0;
    }
    if (err.msg[0]) {
        px_app_complain(app->def, err.msg);
    }
    return px_code_exit(code);
}

/* A failed init in --check=json is an answer too. */
static int bad_init(const struct px_app *app, const struct px_err *err) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MODES_TEXT_MAX);
    struct px_jsonw w = px_jsonw_on(&b);

    if (app->cli.mode != PX_CLI_CHECK || !arg_is(app, "json")) {
        px_app_complain(app->def, err->msg);
        return px_code_exit(err->code);
    }
    px_jw_obj(&w);
    px_jw_kc(&w, "problem", err->msg);
    px_jw_kc(&w, "severity", "error");
    px_jw_obj_end(&w);
    px_buf_byte(&b, '\n');
    return answer(app, &b, px_code_exit(err->code));
}

static int with_service(struct px_app *app) {
    struct px_err err = PX_ERR_INIT;
    int status;

    px_app_log_init(app);
    if (px_app_init_svc(app, &err) != PX_OK) {
        status = bad_init(app, &err);
    } else {
        status = app->cli.mode == PX_CLI_CHECK ? check(app) : command(app);
    }
    if (px_app_svc(app)) {
        app->def->fini(px_app_svc(app));
    }
    return status;
}

static int with_config(struct px_app *app) {
    struct px_err err = PX_ERR_INIT;

    if (px_app_load(app, &err) != PX_OK) {
        return bad_config(app, &err);
    }
    if (app->cli.mode == PX_CLI_RUN) {
        return px_app_run(app);
    }
    return app->cli.mode == PX_CLI_PRINT_CONFIG ? print_config(app) : with_service(app);
}

int px_app_mode_run(struct px_app *app) {
    switch (app->cli.mode) {
    case PX_CLI_VERSION:
        return version(app);
    case PX_CLI_HELP:
        return help(app);
    case PX_CLI_DOCS:
        return docs(app);
    case PX_CLI_CHECK:
        return arg_is(app, "list") ? check_list(app) : with_config(app);
    case PX_CLI_RUN:
    case PX_CLI_COMMAND:
    case PX_CLI_PRINT_CONFIG:
        break;
    }
    return with_config(app);
}
