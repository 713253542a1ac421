/* The command line, the same for all programs: one table of options, the program's own commands
 * behind it, a suggestion for what is misspelt. Must not read the configuration or print. */
#include "app_priv.h"

#include <px/mem.h>

#include <stdio.h>
#include <string.h>

#define CLI_NAMES_MAX 64

enum arg_kind {
    ARG_NONE,
    ARG_REQUIRED,
    ARG_OPTIONAL
};

struct cli_option {
    const char *name;
    char letter;
    enum arg_kind arg;
    const char *args; /* choices "a|b|c", the first is the default; or the placeholder for --help */
    bool choices;
    enum px_cli_mode mode; /* RUN = it is no mode */
    const char *help;
};

static const struct cli_option table[] = {
    {"config", 0, ARG_REQUIRED, "FILE", false, PX_CLI_RUN,
     "read FILE instead of ./appsettings.json (appsettings.NAME.json lies beside it)"},
    {"environment", 0, ARG_REQUIRED, "NAME", false, PX_CLI_RUN,
     "also read appsettings.NAME.json; default: PX_ENVIRONMENT"},
    {"set", 0, ARG_REQUIRED, "Section:Key=Value", false, PX_CLI_RUN,
     "set one option; may be given often"},
    {"log-level", 0, ARG_REQUIRED, "LEVEL", false, PX_CLI_RUN, "short for --set Log:Level=LEVEL"},
    {"check", 0, ARG_OPTIONAL, "text|json|offline|list", true, PX_CLI_CHECK,
     "ask all probes and exit: 0 all well, 1 one failed, 78 configuration"},
    {"print-config", 0, ARG_NONE, NULL, false, PX_CLI_PRINT_CONFIG,
     "print each option with its value and origin, and exit"},
    {"docs", 0, ARG_OPTIONAL, "options|errors|metrics", true, PX_CLI_DOCS,
     "print a reference table in Markdown, and exit"},
    {"version", 'V', ARG_NONE, NULL, false, PX_CLI_VERSION, "print the version, and exit"},
    {"help", 'h', ARG_NONE, NULL, false, PX_CLI_HELP, "print this text, and exit"},
};

/* --- finding what an argument names
 * --------------------------------------------------------------- */

struct found {
    const struct cli_option *option; /* one of the three */
    const struct px_app_command *command;
    const struct px_app_param *param;
    const char *value; /* behind "=", NULL = none */
};

static const struct px_app_param *find_param(const struct px_app_command *c, struct px_str name) {
    for (size_t i = 0; i < c->nparams; i++) {
        if (px_str_is(name, c->params[i].name)) {
            return &c->params[i];
        }
    }
    return NULL;
}

static bool find_long(const struct px_app_def *def, struct px_str name, struct found *f) {
    for (size_t i = 0; i < PX_ARRAY_LEN(table); i++) {
        if (px_str_is(name, table[i].name)) {
            f->option = &table[i];
            return true;
        }
    }
    for (size_t i = 0; i < def->ncommands; i++) {
        if (px_str_is(name, def->commands[i].name)) {
            f->command = &def->commands[i];
            return true;
        }
    }
    for (size_t i = 0; i < def->ncommands && !f->param; i++) {
        f->param = find_param(&def->commands[i], name);
    }
    return f->param != NULL;
}

static bool find_letter(const char *arg, struct found *f) {
    for (size_t i = 0; i < PX_ARRAY_LEN(table); i++) {
        if (table[i].letter && arg[1] == table[i].letter && arg[2] == '\0') {
            f->option = &table[i];
            return true;
        }
    }
    return false;
}

static const char *nearest_name(const struct px_app_def *def, const char *word) {
    const char *names[CLI_NAMES_MAX];
    size_t n = 0;

    for (size_t i = 0; i < PX_ARRAY_LEN(table); i++) {
        names[n++] = table[i].name;
    }
    for (size_t i = 0; i < def->ncommands && n < CLI_NAMES_MAX; i++) {
        const struct px_app_command *c = &def->commands[i];
        names[n++] = c->name;
        for (size_t k = 0; k < c->nparams && n < CLI_NAMES_MAX; k++) {
            names[n++] = c->params[k].name;
        }
    }
    return px_str_nearest(word, names, n);
}

static enum px_code unknown(const struct px_app_def *def, const char *arg, struct px_err *reterr) {
    struct px_str name = px_str_c(arg);
    char word[64];
    const char *near = NULL;

    name.n = px_str_find(name, '=');
    while (name.n && name.p[0] == '-') {
        name = (struct px_str){.p = name.p + 1, .n = name.n - 1};
    }
    if (px_str_copy(name, word, sizeof word)) {
        near = nearest_name(def, word);
    }
    if (near) {
        return PX_FAIL(reterr, PX_USAGE, "unknown option %.60s, did you mean --%s?", arg, near);
    }
    return PX_FAIL(reterr, PX_USAGE, "unknown option %.60s; see --help", arg);
}

static enum px_code find(const struct px_app_def *def, const char *arg, struct found *f,
                         struct px_err *reterr) {
    struct px_str name = px_str_c(arg);
    size_t eq = px_str_find(name, '=');

    *f = (struct found){.option = NULL};
    if (arg[0] != '-') {
        return PX_FAIL(reterr, PX_USAGE, "unexpected argument %.60s; see --help", arg);
    }
    if (arg[1] != '-') {
        return find_letter(arg, f) ? PX_OK : unknown(def, arg, reterr);
    }
    if (eq < 2 || !find_long(def, (struct px_str){.p = arg + 2, .n = eq - 2}, f)) {
        return unknown(def, arg, reterr);
    }
    f->value = eq < name.n ? arg + eq + 1 : NULL;
    return PX_OK;
}

/* --- taking it over --------------------------------------------------------------------------- */

/* Keep the entry of "a|b|c" that ${value} is, the first one for NULL. */
static enum px_code choose(struct px_cli *cli, const char *name, const char *choices,
                           const char *value, struct px_err *reterr) {
    struct px_str rest = px_str_c(choices);

    do {
        struct px_str one = px_str_part(&rest, '|');
        if (!value || px_str_is(one, value)) {
            bool fits = px_str_copy(one, cli->arg, sizeof cli->arg);
            px_assert(fits);
            return PX_OK;
        }
    } while (rest.n);
    return PX_FAIL(reterr, PX_USAGE, "--%s=%.40s: write one of %s", name, value, choices);
}

static enum px_code set_mode(struct px_cli *cli, enum px_cli_mode mode, const char *name,
                             struct px_err *reterr) {
    if (cli->mode_name) {
        return PX_FAIL(reterr, PX_USAGE, "--%s and --%s cannot be combined", cli->mode_name, name);
    }
    cli->mode = mode;
    cli->mode_name = name;
    return PX_OK;
}

static enum px_code no_value(const char *name, struct px_err *reterr) {
    return PX_FAIL(reterr, PX_USAGE, "--%s takes no value", name);
}

static enum px_code take_command(struct px_cli *cli, const struct found *f, struct px_err *reterr) {
    const struct px_app_command *c = f->command;
    enum px_code code =
        set_mode(cli, c->runs_service ? PX_CLI_RUN : PX_CLI_COMMAND, c->name, reterr);

    if (code != PX_OK) {
        return code;
    }
    cli->command = c;
    cli->value = f->value;
    if (c->value) {
        return PX_OK;
    }
    if (c->args) {
        return choose(cli, c->name, c->args, f->value, reterr);
    }
    return f->value ? no_value(c->name, reterr) : PX_OK;
}

static enum px_code take_mode(struct px_cli *cli, const struct found *f, struct px_err *reterr) {
    enum px_code code = set_mode(cli, f->option->mode, f->option->name, reterr);

    if (code != PX_OK) {
        return code;
    }
    if (f->option->choices) {
        return choose(cli, f->option->name, f->option->args, f->value, reterr);
    }
    return f->value ? no_value(f->option->name, reterr) : PX_OK;
}

static enum px_code take_once(const char **place, const char *name, const char *value,
                              struct px_err *reterr) {
    if (*place) {
        return PX_FAIL(reterr, PX_USAGE, "--%s was given twice", name);
    }
    *place = value;
    return PX_OK;
}

static enum px_code take_set(struct px_cli *cli, const char *value, struct px_err *reterr) {
    const char *eq = strchr(value, '=');

    if (!eq || eq == value) {
        return PX_FAIL(reterr, PX_USAGE, "--set %.60s: write Section:Key=Value", value);
    }
    if (cli->nsets == PX_CLI_SETS_MAX) {
        return PX_FAIL(reterr, PX_USAGE, "--set was given more than %d times", PX_CLI_SETS_MAX);
    }
    cli->sets[cli->nsets++] = value;
    return PX_OK;
}

static enum px_code take_level(struct px_cli *cli, const char *value, struct px_err *reterr) {
    static const char key[] = "Log:Level=";
    size_t n = strlen(value), k = sizeof key - 1;

    if (cli->level_set) {
        return PX_FAIL(reterr, PX_USAGE, "--log-level was given twice");
    }
    cli->level_set = px_alloc(k + n + 1);
    if (!cli->level_set) {
        return PX_FAIL(reterr, PX_NOMEM, "command line");
    }
    memcpy(cli->level_set, key, k);
    memcpy(cli->level_set + k, value, n);
    return take_set(cli, cli->level_set, reterr);
}

static enum px_code take_setting(struct px_cli *cli, const struct found *f, struct px_err *reterr) {
    const char *name = f->option->name;

    if (strcmp(name, "config") == 0) {
        return take_once(&cli->config, name, f->value, reterr);
    }
    if (strcmp(name, "environment") == 0) {
        return take_once(&cli->environment, name, f->value, reterr);
    }
    if (strcmp(name, "set") == 0) {
        return take_set(cli, f->value, reterr);
    }
    return take_level(cli, f->value, reterr);
}

/* Its command may come behind it. */
static enum px_code take_param(struct px_cli *cli, const struct found *f, struct px_err *reterr) {
    const struct px_app_param *p = f->param;

    if (!p->value && f->value) {
        return no_value(p->name, reterr);
    }
    for (size_t i = 0; i < cli->nparams; i++) {
        if (strcmp(cli->params[i].name, p->name) == 0) {
            return PX_FAIL(reterr, PX_USAGE, "--%s was given twice", p->name);
        }
    }
    if (cli->nparams == PX_CLI_PARAMS_MAX) {
        return PX_FAIL(reterr, PX_USAGE, "more than %d parameters", PX_CLI_PARAMS_MAX);
    }
    cli->params[cli->nparams].name = p->name;
    cli->params[cli->nparams++].value = f->value ? f->value : "";
    return PX_OK;
}

/* The commands that have the parameter: one has, or it would not have been found. */
static void owners_of(const struct px_app_def *def, const char *param, struct px_buf *out) {
    for (size_t i = 0; i < def->ncommands; i++) {
        if (find_param(&def->commands[i], px_str_c(param))) {
            px_buf_printf(out, "%s--%s", out->n ? ", " : "", def->commands[i].name);
        }
    }
}

static enum px_code params_fit(const struct px_app_def *def, const struct px_cli *cli,
                               struct px_err *reterr) {
    for (size_t i = 0; i < cli->nparams; i++) {
        const char *name = cli->params[i].name;
        if (!cli->command || !find_param(cli->command, px_str_c(name))) {
            PX_DEFER(px_buf_fini) struct px_buf owners = PX_BUF_INIT(1024);
            owners_of(def, name, &owners);
            return PX_FAIL(reterr, PX_USAGE, "--%s goes with %s%s%s", name, px_buf_cstr(&owners),
                           cli->mode_name ? ", not with --" : "",
                           cli->mode_name ? cli->mode_name : "");
        }
    }
    return PX_OK;
}

static bool needs_value(const struct found *f) {
    bool takes = f->param     ? f->param->value != NULL
                 : f->command ? f->command->value != NULL
                              : f->option && f->option->arg == ARG_REQUIRED;
    return takes && !f->value;
}

/* ${next}: the argument behind; NULL = there is none. */
static enum px_code next_value(struct found *f, const char *next, struct px_err *reterr) {
    f->value = next;
    if (next) {
        return PX_OK;
    }
    return PX_FAIL(reterr, PX_USAGE, "--%s needs a value: %s",
                   f->param     ? f->param->name
                   : f->command ? f->command->name
                                : f->option->name,
                   f->param     ? f->param->value
                   : f->command ? f->command->value
                                : f->option->args);
}

enum px_code px_cli_parse(const struct px_app_def *def, int argc, char **argv, struct px_cli *cli,
                          struct px_err *reterr) {
    enum px_code code = PX_OK;

    *cli = (struct px_cli){.mode = PX_CLI_RUN};
    for (int i = 1; i < argc && code == PX_OK; i++) {
        struct found f;
        code = find(def, argv[i], &f, reterr);
        if (code != PX_OK) {
            break;
        }
        if (needs_value(&f) && (code = next_value(&f, argv[++i], reterr)) != PX_OK) {
            break;
        }
        if (f.command) {
            code = take_command(cli, &f, reterr);
        } else if (f.param) {
            code = take_param(cli, &f, reterr);
        } else if (f.option->mode != PX_CLI_RUN) {
            code = take_mode(cli, &f, reterr);
        } else {
            code = take_setting(cli, &f, reterr);
        }
    }
    return code ? code : params_fit(def, cli, reterr);
}

void px_cli_fini(struct px_cli *cli) {
    px_free(cli->level_set);
    cli->level_set = NULL;
}

/* --- help ---------------------------------------------------------------------------------------
 */

static void help_params(const struct px_app_command *c, struct px_buf *out) {
    for (size_t i = 0; i < c->nparams; i++) {
        const struct px_app_param *p = &c->params[i];
        px_buf_printf(out, "      --%s%s%s: %s\n", p->name, p->value ? " " : "",
                      p->value ? p->value : "", p->help);
    }
}

static void help_row(struct px_buf *out, const char *name, enum arg_kind arg, const char *args) {
    px_buf_printf(out, "  --%s", name);
    if (arg == ARG_REQUIRED) {
        px_buf_printf(out, " %s", args);
    } else if (args) {
        px_buf_printf(out, "[=%s]", args);
    }
}

void px_cli_help(const struct px_app_def *def, struct px_buf *out) {
    px_buf_printf(out, "%s - %s\n\nUsage: %s [OPTION]...\n\n", def->name, def->summary, def->name);
    for (size_t i = 0; i < def->ncommands; i++) {
        const struct px_app_command *c = &def->commands[i];
        help_row(out, c->name, c->value ? ARG_REQUIRED : ARG_OPTIONAL,
                 c->value ? c->value : c->args);
        px_buf_printf(out, "\n      %s\n", def->commands[i].help);
        help_params(&def->commands[i], out);
    }
    for (size_t i = 0; i < PX_ARRAY_LEN(table); i++) {
        help_row(out, table[i].name, table[i].arg, table[i].args);
        if (table[i].letter) {
            px_buf_printf(out, ", -%c", table[i].letter);
        }
        px_buf_printf(out, "\n      %s\n", table[i].help);
    }
    px_buf_c(out, "\nConfiguration, each layer over the one before: defaults, appsettings.json,\n"
                  "appsettings.NAME.json, the environment (PX_Section__Key), --set.\n\n");
    px_conf_help(&def->options, out);
    px_buf_c(
        out,
        "\nSignals: SIGTERM and SIGINT drain and end it, a second one at once; SIGHUP reads the\n"
        "configuration again.\n"
        "Exit: 0 asked to stop, 64 usage, 65 data, 69 unavailable, 70 internal, 75 temporary,\n"
        "77 permission, 78 configuration.\n");
}
