/* The configuration as people read it: effective values with their origin, --help, docs/options.md,
 * and the comparison that a reload needs. Secrets are never shown. */
#include "conf_priv.h"

#include <px/mem.h>

#include <stdio.h>
#include <stdlib.h>

static int option_order(const void *a, const void *b) {
    const struct px_option *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

/* Rows sorted by key, for all that is printed. False: no memory, said in ${out}. */
static const struct px_option **sorted(const struct px_options *opts, struct px_buf *out) {
    const struct px_option **v = px_calloc2(opts->n + 1, sizeof *v);

    if (!v) {
        out->failed = true;
        return NULL;
    }
    for (size_t i = 0; i < opts->n; i++) {
        v[i] = &opts->v[i];
    }
    qsort(v, opts->n, sizeof *v, option_order);
    return v;
}

void px_conf_print(const struct px_conf *c, struct px_buf *out) {
    const struct px_option **v = sorted(c->opts, out);

    for (size_t i = 0; v && i < c->opts->n; i++) {
        const struct px_conf_slot *slot = &c->slot[v[i] - c->opts->v];
        const char *value = slot->text;
        if (v[i]->flags & PX_OPT_SECRET) {
            value = slot->n ? "(set)" : "(empty)";
        }
        px_buf_printf(out, "%s = %s   # %s\n", v[i]->key, value,
                      slot->origin ? slot->origin : "default");
    }
    px_free(v);
}

static void env_name(const char *key, struct px_buf *out) {
    px_buf_c(out, "PX_");
    for (; *key; key++) {
        px_buf_c(out, *key == ':' ? "__" : (char[]){*key, '\0'});
    }
}

static const char *shown_default(const struct px_option *o) {
    return o->dflt[0] ? o->dflt : "(empty)";
}

void px_conf_help(const struct px_options *opts, struct px_buf *out) {
    const struct px_option **v = sorted(opts, out);

    for (size_t i = 0; v && i < opts->n; i++) {
        bool secret = v[i]->flags & PX_OPT_SECRET;
        px_buf_printf(out, "  %s%s\n      %s\n      ", v[i]->key, secret ? "File" : "", v[i]->doc);
        if (secret) {
            px_buf_printf(out, "Path of a file with one line, or the secret itself in the "
                               "environment: ");
            env_name(v[i]->key, out);
        } else {
            px_conf_rule(v[i], out);
            px_buf_printf(out, "; default %s", shown_default(v[i]));
        }
        px_buf_c(out, v[i]->flags & PX_OPT_RELOAD ? "; reread at SIGHUP\n" : "\n");
    }
    px_free(v);
}

/* Table cells: a "|" would end the cell. */
static void cell(const char *s, size_t n, struct px_buf *out) {
    for (size_t i = 0; i < n; i++) {
        px_buf_c(out, s[i] == '|' ? "\\|" : (char[]){s[i], '\0'});
    }
}

static void markdown_row(const struct px_option *o, struct px_buf *out) {
    PX_DEFER(px_buf_fini) struct px_buf rule = PX_BUF_INIT(1024);

    px_conf_rule(o, &rule);
    px_buf_printf(out, "| `%s` | `", o->key);
    env_name(o->key, out);
    px_buf_c(out, "` | ");
    if (o->flags & PX_OPT_SECRET) {
        px_buf_printf(out, "secret; or `%sFile` with a path", o->key);
    } else {
        cell(rule.p ? rule.p : "", rule.n, out);
    }
    px_buf_c(out, o->dflt[0] ? " | `" : " | ");
    px_buf_c(out, o->dflt);
    px_buf_c(out, o->dflt[0] ? "` | " : " | ");
    px_buf_c(out, o->flags & PX_OPT_RELOAD ? "yes | " : " | ");
    cell(o->doc, strlen(o->doc), out);
    px_buf_c(out, " |\n");
}

void px_conf_markdown(const struct px_options *opts, struct px_buf *out) {
    const struct px_option **v = sorted(opts, out);

    px_buf_c(out, "| option | environment | values | default | SIGHUP | meaning |\n"
                  "|---|---|---|---|---|---|\n");
    for (size_t i = 0; v && i < opts->n; i++) {
        markdown_row(v[i], out);
    }
    px_free(v);
}

static size_t field_size(enum px_opt_kind kind) {
    switch (kind) {
    case PX_KIND_STR:
        return sizeof(const char *);
    case PX_KIND_BOOL:
        return sizeof(bool);
    case PX_KIND_ENUM:
        return sizeof(int);
    case PX_KIND_INT:
    case PX_KIND_MS:
    case PX_KIND_SIZE:
        return sizeof(int64_t);
    }
    return 0;
}

static const char *path_of(const struct px_option *o, const void *values) {
    const char *path = NULL;

    if (o->path_offset) {
        memcpy(&path, (const char *)values + o->path_offset, sizeof path);
    }
    return path;
}

/* A secret that is read from its file at each use is the same as long as the file is. */
bool px_conf_same(const struct px_option *o, const void *a, const void *b) {
    const char *x = (const char *)a + o->offset, *y = (const char *)b + o->offset;
    const char *p = path_of(o, a), *q = path_of(o, b);

    if (p && q) {
        return strcmp(p, q) == 0;
    }
    if (o->kind == PX_KIND_STR) {
        const char *s, *t;
        memcpy(&s, x, sizeof s);
        memcpy(&t, y, sizeof t);
        return strcmp(s, t) == 0;
    }
    return memcmp(x, y, field_size(o->kind)) == 0;
}

void px_conf_copy(const struct px_option *o, const void *from, void *to) {
    memcpy((char *)to + o->offset, (const char *)from + o->offset, field_size(o->kind));
    if (o->path_offset) {
        const char *path = path_of(o, from);
        memcpy((char *)to + o->path_offset, &path, sizeof path);
    }
}
