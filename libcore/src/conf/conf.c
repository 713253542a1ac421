/* Loading the configuration: defaults, files, environment and argv are laid over each other as
 * text, then every option is parsed once by its row. Programs call it through app.c; adapters only
 * read the struct it fills. Must not log, exit, or stop at the first problem. */
#include "conf_priv.h"

#include <px/mem.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Memory for the names of the `...File` keys. */
#define CONF_NAMES_MAX (64 * 1024)

static bool problem_known(const struct px_conf *c, const char *text) {
    for (size_t i = 0; i < c->nproblems; i++) {
        if (strcmp(c->problem[i].text, text) == 0) {
            return true;
        }
    }
    return false;
}

void px_conf_problem(struct px_conf *c, bool warning, const char *origin, struct px_str key,
                     const char *fmt, ...) {
    struct px_conf_problem p = {.warning = warning};
    size_t at;
    va_list ap;

    snprintf(p.text, sizeof p.text, "%.100s: %.*s%s", origin, (int)(key.n > 80 ? 80 : key.n),
             key.p ? key.p : "", key.n ? ": " : "");
    at = strlen(p.text);
    va_start(ap, fmt);
    vsnprintf(p.text + at, sizeof p.text - at, fmt, ap);
    va_end(ap);
    /* a problem is one line, whatever the input held */
    for (char *s = p.text; *s; s++) {
        if ((uint8_t)*s < 0x20 || *s == 0x7f) {
            *s = '?';
        }
    }
    if (problem_known(c, p.text)) {
        return;
    }
    c->nerrors += !warning;
    if (c->nproblems == PX_CONF_MAX_PROBLEMS - 1) {
        c->left_out++; /* the last place is for saying so */
        return;
    }
    c->problem[c->nproblems++] = p;
}

void px_conf_slot_fini(struct px_conf_slot *slot) {
    if (slot->text) {
        explicit_bzero(slot->text, slot->n);
    }
    px_free(slot->text);
    px_free(slot->origin);
    px_free(slot->path);
    *slot = (struct px_conf_slot){.text = NULL};
}

void px_conf_slot_set(struct px_conf *c, struct px_conf_slot *slot,
                      const struct px_conf_item *item) {
    struct px_conf_slot s = {
        .text = px_strdup_n(item->text.p ? item->text.p : "", item->text.n),
        .n = item->text.n,
        .origin = item->origin ? px_strdup_n(item->origin, strlen(item->origin)) : NULL,
        .layer = item->layer,
    };

    if (!s.text || (item->origin && !s.origin)) {
        c->no_memory = true;
        px_conf_slot_fini(&s);
        return;
    }
    px_conf_slot_fini(slot);
    *slot = s;
}

/* --- unknown keys ------------------------------------------------------------------------------
 */

static struct px_str section_of(struct px_str key) {
    return (struct px_str){.p = key.p, .n = px_str_find(key, ':')};
}

static bool section_known(const struct px_conf *c, struct px_str section) {
    for (size_t i = 0; i < c->opts->n; i++) {
        if (px_str_ieq(section_of(px_str_c(c->opts->v[i].key)), section)) {
            return true;
        }
    }
    return false;
}

/* "Kafka, Log, Sql": each section once, in the order of the rows. */
static void sections_text(const struct px_conf *c, char *out, size_t cap) {
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < c->opts->n && at < cap; i++) {
        struct px_str s = section_of(px_str_c(c->opts->v[i].key));
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++) {
            seen = px_str_ieq(section_of(px_str_c(c->opts->v[k].key)), s);
        }
        if (!seen) {
            at += (size_t)snprintf(out + at, cap - at, "%s%.*s", at ? ", " : "", PX_S_ARG(s));
        }
    }
}

/* How a key is written in the layer that the user looks at. */
static void key_shown(const struct px_conf_item *item, const char *key, char out[PX_CONF_KEY_MAX]) {
    size_t at = 0;

    if (item->layer != PX_CONF_ENVIRONMENT) {
        snprintf(out, PX_CONF_KEY_MAX, "%s", key);
        return;
    }
    at = (size_t)snprintf(out, PX_CONF_KEY_MAX, "PX_");
    for (; *key && at + 3 < PX_CONF_KEY_MAX; key++) {
        if (*key == ':') {
            out[at++] = '_';
        }
        out[at++] = *key == ':' ? '_' : *key;
    }
    out[at] = '\0';
}

static void put_unknown(struct px_conf *c, const struct px_conf_item *item) {
    bool warning = item->layer == PX_CONF_ENVIRONMENT;
    char word[PX_CONF_KEY_MAX], shown[PX_CONF_KEY_MAX], list[128];
    struct px_str at = warning ? (struct px_str){.p = NULL, .n = 0} : item->key;
    const char *near = NULL;

    if (px_str_copy(item->key, word, sizeof word)) {
        near = px_str_nearest(word, c->name, c->nnames);
    }
    if (near) {
        key_shown(item, near, shown);
        px_conf_problem(c, warning, item->origin, at, "unknown option, did you mean %s?", shown);
        return;
    }
    if (section_known(c, section_of(item->key))) {
        px_conf_problem(c, warning, item->origin, at, "unknown option; --help lists them all");
        return;
    }
    sections_text(c, list, sizeof list);
    px_conf_problem(c, warning, item->origin, warning ? at : section_of(item->key),
                    "unknown section; there are %s", list);
}

/* --- layers ------------------------------------------------------------------------------------
 */

/* The option that ${key} names; *ret_file when by its `...File` form. */
static const struct px_option *find_option(const struct px_conf *c, struct px_str key,
                                           bool *ret_file) {
    for (size_t i = 0; i < c->opts->n; i++) {
        const struct px_option *o = &c->opts->v[i];
        size_t n = strlen(o->key);
        *ret_file = false;
        if (px_str_ieq(key, px_str_c(o->key))) {
            return o;
        }
        *ret_file = true;
        if ((o->flags & PX_OPT_SECRET) && key.n == n + 4 &&
            px_str_ieq((struct px_str){.p = key.p, .n = n}, px_str_c(o->key)) &&
            px_str_ieq((struct px_str){.p = key.p + n, .n = 4}, PX_S("File"))) {
            return o;
        }
    }
    return NULL;
}

static void put_secret_checks(struct px_conf *c, const struct px_option *o,
                              const struct px_conf_item *item) {
    if (item->layer < PX_CONF_ENVIRONMENT && item->text.n > 0) {
        px_conf_problem(c, true, item->origin, item->key,
                        "a secret in a configuration file; put it into a file of its own and name "
                        "that with %sFile",
                        o->key);
    }
}

void px_conf_put(struct px_conf *c, const struct px_conf_item *item) {
    bool from_file;
    const struct px_option *o = find_option(c, item->key, &from_file);
    struct px_conf_slot *slot;

    if (!o) {
        put_unknown(c, item);
        return;
    }
    if ((o->flags & PX_OPT_SECRET) && !from_file) {
        if (item->layer == PX_CONF_ARGV) {
            px_conf_problem(c, false, item->origin, item->key,
                            "secrets are not taken from the command line, where other users see "
                            "them; use %sFile",
                            o->key);
            return;
        }
        put_secret_checks(c, o, item);
    }
    slot = &c->slot[o - c->opts->v];
    /* on the command line the last one wins, as everywhere */
    if (slot->layer == item->layer && item->layer != PX_CONF_ARGV) {
        px_conf_problem(c, false, item->origin, item->key, "given twice (%s is %s); keep one",
                        o->key, slot->from_file == from_file ? "set already" : "set both ways");
        return;
    }
    px_conf_slot_set(c, slot, item);
    slot->from_file = from_file && item->text.n > 0;
}

static void load_defaults(struct px_conf *c) {
    for (size_t i = 0; i < c->opts->n; i++) {
        struct px_conf_item item = {.layer = PX_CONF_DEFAULT, .text = px_str_c(c->opts->v[i].dflt)};
        px_conf_slot_set(c, &c->slot[i], &item);
    }
}

static bool environment_ok(const char *name) {
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    return n > 0 && n <= 64 && name[n] == '\0';
}

const char *px_conf_environment(const struct px_conf_input *in) {
    const char *name = in->environment;

    name = name ? name : px_conf_env_get(in->envp, "PX_ENVIRONMENT");
    name = name ? name : px_conf_env_get(in->envp, "DOTNET_ENVIRONMENT");
    return name && name[0] ? name : NULL;
}

/* The folder part of --config FILE, with its slash; "" when there is none. */
static int folder_length(const char *file) {
    const char *slash = strrchr(file, '/');
    return slash ? (int)(slash - file) + 1 : 0;
}

static void load_files(struct px_conf *c, const struct px_conf_input *in) {
    const char *environment = px_conf_environment(in);
    struct px_conf_source src = {.program = in->program, .layer = PX_CONF_FILE};
    char base[4096], over[4096 + 128];
    int n;

    if (in->file) {
        n = snprintf(base, sizeof base, "%s", in->file);
    } else {
        n = snprintf(base, sizeof base, "%s%sappsettings.json", in->dir ? in->dir : "",
                     in->dir ? "/" : "");
    }
    if (n < 0 || (size_t)n >= sizeof base) {
        px_conf_problem(c, false, "--config", PX_S(""), "the path is too long");
        return;
    }
    src.path = base;
    src.must_exist = in->file != NULL;
    px_conf_file(c, &src);
    if (!environment) {
        return;
    }
    if (!environment_ok(environment)) {
        px_conf_problem(c, false, in->environment ? "--environment" : "PX_ENVIRONMENT", PX_S(""),
                        "use letters, digits, - and _ only, at most 64");
        return;
    }
    snprintf(over, sizeof over, "%.*sappsettings.%s.json", folder_length(base), base, environment);
    src = (struct px_conf_source){
        .path = over, .program = in->program, .layer = PX_CONF_ENV_FILE, .must_exist = false};
    px_conf_file(c, &src);
}

static void load_argv(struct px_conf *c, const struct px_conf_input *in) {
    for (size_t i = 0; i < in->nsets; i++) {
        struct px_str s = px_str_c(in->sets[i]);
        size_t eq = px_str_find(s, '=');
        struct px_conf_item item = {
            .layer = PX_CONF_ARGV, .origin = "--set", .key = {.p = s.p, .n = eq}};

        if (eq == 0 || eq == s.n) {
            px_conf_problem(c, false, "--set", item.key, "write --set Section:Key=Value");
            continue;
        }
        item.text = (struct px_str){.p = s.p + eq + 1, .n = s.n - eq - 1};
        px_conf_put(c, &item);
    }
}

/* --- parsing and sorting ------------------------------------------------------------------------
 */

static void parse_all(struct px_conf *c, void *values) {
    char why[PX_ERR_MSG_MAX];

    for (size_t i = 0; i < c->opts->n; i++) {
        const struct px_option *o = &c->opts->v[i];
        struct px_conf_slot *slot = &c->slot[i];
        if (slot->from_file) {
            px_conf_secret(c, o, slot);
        }
        if (o->path_offset) {
            memcpy((char *)values + o->path_offset, &slot->path, sizeof slot->path);
        }
        if (c->no_memory) {
            return;
        }
        if (!px_conf_parse(o, slot, (char *)values + o->offset, why, sizeof why)) {
            px_conf_problem(c, false, slot->origin ? slot->origin : "default", px_str_c(o->key),
                            "%s", why);
        }
    }
}

static int problem_order(const void *a, const void *b) {
    const struct px_conf_problem *x = a, *y = b;
    return x->warning != y->warning ? (int)x->warning - (int)y->warning : strcmp(x->text, y->text);
}

static void finish_problems(struct px_conf *c) {
    qsort(c->problem, c->nproblems, sizeof c->problem[0], problem_order);
    if (c->left_out) {
        struct px_conf_problem *last = &c->problem[c->nproblems++];
        *last = (struct px_conf_problem){.warning = c->nerrors == 0};
        snprintf(last->text, sizeof last->text, "configuration: %zu more problems", c->left_out);
    }
}

/* The keys that a suggestion may name. */
static bool load_names(struct px_conf *c) {
    c->name = px_calloc2(2 * c->opts->n + 1, sizeof *c->name);
    if (!c->name) {
        return false;
    }
    for (size_t i = 0; i < c->opts->n; i++) {
        c->name[c->nnames++] = c->opts->v[i].key;
    }
    for (size_t i = 0; i < c->opts->n; i++) {
        char key[PX_CONF_KEY_MAX];
        if (!(c->opts->v[i].flags & PX_OPT_SECRET)) {
            continue;
        }
        px_assert(c->opts->v[i].kind == PX_KIND_STR); /* the others show refused values */
        snprintf(key, sizeof key, "%sFile", c->opts->v[i].key);
        c->name[c->nnames] = px_arena_dup(&c->arena, px_str_c(key)).p;
        if (!c->name[c->nnames]) {
            return false;
        }
        c->nnames++;
    }
    return true;
}

static void conf_drop(struct px_conf **c) {
    px_conf_free(*c);
}

enum px_code px_conf_load(const struct px_options *opts, const struct px_conf_input *in,
                          void *values, struct px_conf **ret, struct px_err *reterr) {
    PX_DEFER(conf_drop) struct px_conf *c = px_alloc(sizeof *c);

    if (c) {
        c->opts = opts;
        px_arena_init(&c->arena, CONF_NAMES_MAX);
        c->slot = px_calloc2(opts->n + 1, sizeof *c->slot);
    }
    if (!c || !c->slot || !load_names(c)) {
        return PX_FAIL(reterr, PX_NOMEM, "configuration");
    }
    load_defaults(c);
    load_files(c, in);
    px_conf_env(c, in->envp);
    load_argv(c, in);
    if (!c->no_memory) {
        parse_all(c, values);
    }
    if (c->no_memory) {
        return PX_FAIL(reterr, PX_NOMEM, "configuration");
    }
    finish_problems(c);
    *ret = c;
    c = NULL;
    if ((*ret)->nerrors) {
        return PX_FAIL(reterr, PX_CONFIG, "%s%s", (*ret)->problem[0].text,
                       (*ret)->nerrors > 1 ? " (and more)" : "");
    }
    return PX_OK;
}

void px_conf_free(struct px_conf *c) {
    if (!c) {
        return;
    }
    for (size_t i = 0; c->slot && i < c->opts->n; i++) {
        px_conf_slot_fini(&c->slot[i]);
    }
    px_arena_fini(&c->arena);
    px_free(c->name);
    px_free(c->slot);
    px_free(c);
}

const struct px_conf_problem *px_conf_problems(const struct px_conf *c, size_t *ret_n) {
    *ret_n = c->nproblems;
    return c->problem;
}
