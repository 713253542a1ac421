/* One appsettings file -> assignments: strict gate, cJSON, then a walk that joins member names by
 * ":". The member named after the running program is laid over the rest, those of its siblings are
 * skipped. The only place of this layer that sees cJSON. */
#include "conf_priv.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#define FILE_MEMBERS_MAX 1000

/* The programs that may share one file; see <px/conf.h>. */
static const char *const suite[] = {"svc-ingest", "svc-aggregator", "svc-metrics-api"};

struct walk {
    struct px_conf *c;
    const char *origin;
    enum px_conf_layer layer;
    char path[PX_CONF_KEY_MAX]; /* of the member at hand, with ":" */
};

static void cjson_drop(cJSON **j) {
    cJSON_Delete(*j);
}

static bool suite_has(const char *name) {
    for (size_t i = 0; i < PX_ARRAY_LEN(suite); i++) {
        if (px_str_ieq(px_str_c(name), px_str_c(suite[i]))) {
            return true;
        }
    }
    return false;
}

static void walk_problem(struct walk *w, const char *what) {
    px_conf_problem(w->c, false, w->origin, px_str_c(w->path), "%s", what);
}

/* A scalar as the text that the option's own parser reads. False: not a scalar. */
static bool scalar_text(const cJSON *node, char number[32], struct px_str *ret) {
    if (cJSON_IsString(node)) {
        *ret = px_str_c(node->valuestring);
    } else if (cJSON_IsBool(node)) {
        *ret = cJSON_IsTrue(node) ? PX_S("true") : PX_S("false");
    } else if (cJSON_IsNumber(node)) {
        /* exact: the gate lets only whole numbers of 15 digits through */
        *ret = (struct px_str){.p = number,
                               .n = (size_t)snprintf(number, 32, "%.0f", node->valuedouble)};
    } else {
        return false;
    }
    return true;
}

static void walk_put(struct walk *w, struct px_str text) {
    struct px_conf_item item = {
        .layer = w->layer, .origin = w->origin, .key = px_str_c(w->path), .text = text};
    px_conf_put(w->c, &item);
}

static void walk_array(struct walk *w, const cJSON *node) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(PX_CONF_VALUE_MAX + 1);
    char number[32];
    struct px_str s;

    for (const cJSON *e = node->child; e; e = e->next) {
        if (!scalar_text(e, number, &s)) {
            walk_problem(w, "an array may hold strings, numbers, true and false only");
            return;
        }
        if (s.n == 0 || px_str_find(s, ',') < s.n) {
            walk_problem(w, "elements of an array must not be empty or hold a comma");
            return;
        }
        px_buf_c(&b, e == node->child ? "" : ",");
        px_buf_str(&b, s);
    }
    if (b.failed) {
        w->c->no_memory = w->c->no_memory || b.nomem;
        walk_problem(w, "the array is too long");
        return;
    }
    walk_put(w, px_buf_view(&b));
}

static void walk_value(struct walk *w, const cJSON *node);

/* Same name but for case in one object: one of the two would be lost. */
static bool duplicate_before(const cJSON *first, const cJSON *node) {
    for (const cJSON *e = first; e != node; e = e->next) {
        if (px_str_ieq(px_str_c(e->string), px_str_c(node->string))) {
            return true;
        }
    }
    return false;
}

static void walk_member(struct walk *w, const cJSON *first, const cJSON *node) {
    size_t at = strlen(w->path);
    int n = snprintf(w->path + at, sizeof w->path - at, "%s%s", at ? ":" : "", node->string);

    if (n < 0 || (size_t)n >= sizeof w->path - at) {
        walk_problem(w, "the key is too long");
    } else if (node->string[0] == '\0') {
        walk_problem(w, "a member without a name");
    } else if (duplicate_before(first, node)) {
        walk_problem(w, "duplicate key; keep one (case does not matter)");
    } else {
        walk_value(w, node);
    }
    w->path[at] = '\0';
}

static void walk_value(struct walk *w, const cJSON *node) {
    char number[32];
    struct px_str text;

    if (cJSON_IsObject(node)) {
        size_t members = 0;
        for (const cJSON *e = node->child; e; e = e->next) {
            if (++members > FILE_MEMBERS_MAX) {
                walk_problem(w, "more than 1000 members");
                return;
            }
            walk_member(w, node->child, e);
        }
    } else if (cJSON_IsArray(node)) {
        walk_array(w, node);
    } else if (scalar_text(node, number, &text)) {
        walk_put(w, text);
    } else {
        walk_problem(w, "null is no value; leave the key out");
    }
}

/* Shared sections first, then this program's own over them. */
static void walk_root(struct px_conf *c, const struct px_conf_source *src, const cJSON *root) {
    struct walk w = {.c = c, .origin = src->path, .layer = src->layer};
    const cJSON *own = NULL;
    size_t members = 0;

    for (const cJSON *e = root->child; e && members <= FILE_MEMBERS_MAX; e = e->next, members++) {
        bool is_own = src->program && px_str_ieq(px_str_c(e->string), px_str_c(src->program));
        if (!is_own && !suite_has(e->string)) {
            walk_member(&w, root->child, e);
            continue;
        }
        if (!cJSON_IsObject(e) || duplicate_before(root->child, e)) {
            px_conf_problem(c, false, src->path, px_str_c(e->string),
                            "must be one object with the sections of that program");
            continue;
        }
        own = is_own ? e : own;
    }
    if (members > FILE_MEMBERS_MAX) {
        walk_problem(&w, "more than 1000 members");
    }
    if (own) {
        w.layer = src->layer + 1;
        walk_value(&w, own);
    }
}

static void parse_text(struct px_conf *c, const struct px_conf_source *src, struct px_buf *b) {
    PX_DEFER(cjson_drop) cJSON *root = NULL;
    struct px_str text = px_buf_view(b);
    const char *end = NULL;
    char why[128];

    if (px_str_starts(text, PX_S("\xef\xbb\xbf"))) {
        px_buf_consume(b, 3); /* the mark that some editors leave */
        text = px_buf_view(b);
    }
    if (strspn(px_buf_cstr(b), " \t\r\n") == text.n) {
        px_conf_problem(c, false, src->path, PX_S(""), "the file is empty; write {} or remove it");
        return;
    }
    if (px_conf_json_fault(text, why, sizeof why)) {
        px_conf_problem(c, false, src->path, PX_S(""), "not acceptable JSON: %s", why);
        return;
    }
    /* the NUL behind the text is part of what cJSON checks: nothing may follow the value */
    root = cJSON_ParseWithLengthOpts(px_buf_cstr(b), text.n + 1, &end, true);
    if (!root) {
        size_t at = end && end >= b->p ? (size_t)(end - b->p) : 0;
        px_conf_problem(c, false, src->path, PX_S(""), "not JSON near line %u",
                        px_conf_json_line(text, at));
        return;
    }
    if (!cJSON_IsObject(root)) {
        px_conf_problem(c, false, src->path, PX_S(""), "must hold one JSON object");
        return;
    }
    walk_root(c, src, root);
}

void px_conf_file(struct px_conf *c, const struct px_conf_source *src) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(PX_CONF_FILE_MAX);
    struct px_err err = PX_ERR_INIT;
    unsigned mode;

    if (px_conf_read(src->path, &b, &mode, &err) != PX_OK) {
        c->no_memory = c->no_memory || err.code == PX_NOMEM;
        if (err.code != PX_NOT_FOUND || src->must_exist) {
            px_conf_problem(c, false, src->path, PX_S(""), "%s", err.msg);
        }
        return;
    }
    parse_text(c, src, &b);
    if (b.p) {
        explicit_bzero(b.p, b.n);
    }
}
