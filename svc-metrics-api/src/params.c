/* Path and query of a request -> struct api_call. Pure: rules (clock, zone, limits) are arguments.
 */
#include "params.h"

#include <stdarg.h>
#include <stdio.h>

#include <px/hash.h>

/* The parameters that exist; an endpoint takes those whose `takes` bit it has. */
enum {
    P_START,
    P_END,
    P_GRAIN,
    P_TRAFFIC,
    P_LIMIT,
    P_CURSOR,
    PARAMS
};
static const struct {
    const char *name, *alias;
    unsigned takes;
} table[PARAMS] = {
    [P_START] = {"startDate", "from", API_TAKES_RANGE},
    [P_END] = {"endDate", "to", API_TAKES_RANGE},
    [P_GRAIN] = {"grain", NULL, API_TAKES_GRAIN},
    [P_TRAFFIC] = {"traffic", NULL, API_TAKES_TRAFFIC},
    [P_LIMIT] = {"limit", NULL, API_TAKES_PAGE},
    [P_CURSOR] = {"cursor", NULL, API_TAKES_PAGE},
};

struct given {
    struct px_str v[PARAMS]; /* .p NULL = absent */
    const char *as[PARAMS];  /* the name that was used */
};

void api_fault(struct api_faults *f, int status, const char *field, const char *code,
               const char *fmt, ...) {
    va_list ap;

    f->status = f->status ? f->status : status;
    if (f->n == API_MAX_FIELD_ERRORS) {
        return;
    }
    snprintf(f->v[f->n].field, sizeof(f->v[f->n].field), "%s", field);
    snprintf(f->v[f->n].code, sizeof(f->v[f->n].code), "%s", code);
    va_start(ap, fmt);
    vsnprintf(f->v[f->n].message, sizeof(f->v[f->n].message), fmt, ap);
    va_end(ap);
    f->n++;
}

const struct api_endpoint *api_match(struct px_str path, struct px_str *ret_part) {
    size_t n;
    const struct api_endpoint *list = api_endpoints(&n);

    *ret_part = (struct px_str){.p = NULL};
    for (size_t i = 0; i < n; i++) {
        struct px_str p = px_str_c(list[i].path);
        size_t brace = px_str_find(p, '{');

        if (brace == p.n && px_str_eq(p, path)) {
            return &list[i];
        }
        if (brace < p.n && path.n > brace && memcmp(path.p, p.p, brace) == 0) {
            struct px_str part = {.p = path.p + brace, .n = path.n - brace};

            if (px_str_find(part, '/') == part.n) {
                *ret_part = part;
                return &list[i];
            }
        }
    }
    return NULL;
}

typedef enum px_form_error decoder(struct px_str raw, char *dst, struct px_str *ret);

static bool decode(decoder *how, struct px_str raw, const struct api_call *call, const char *field,
                   struct api_faults *f, struct px_str *ret) {
    char *dst = px_arena_alloc(call->arena, raw.n + 1);

    if (!dst) {
        api_fault(f, 503, field, "no_memory", "no memory for this parameter");
        return false;
    }
    enum px_form_error e = how(raw, dst, ret);
    if (e == PX_FORM_BAD_ESCAPE) {
        api_fault(f, 400, field, "bad_escape", "has an invalid percent escape");
    } else if (e == PX_FORM_NUL) {
        api_fault(f, 400, field, "nul_byte", "must not hold a NUL byte");
    } else if (!px_utf8_valid(*ret)) {
        api_fault(f, 400, field, "bad_utf8", "is not valid UTF-8");
    } else {
        return true;
    }
    return false;
}

static int param_of(struct px_str name, unsigned takes, const char **ret_as) {
    for (int i = 0; i < PARAMS; i++) {
        if (!(table[i].takes & takes)) {
            continue;
        }
        if (px_str_is(name, table[i].name)) {
            *ret_as = table[i].name;
            return i;
        }
        if (table[i].alias && px_str_is(name, table[i].alias)) {
            *ret_as = table[i].alias;
            return i;
        }
    }
    return -1;
}

/* The unknown name itself may hold anything: only plain characters of it are repeated. */
static void unknown(struct px_str name, unsigned takes, struct api_faults *f) {
    const char *known[2 * PARAMS];
    size_t n = 0;
    char shown[40];
    size_t k = 0;

    for (size_t i = 0; i < name.n && k + 1 < sizeof(shown); i++) {
        bool plain = name.p[i] >= ' ' && name.p[i] < 0x7f;
        shown[k++] = plain ? name.p[i] : '?';
    }
    shown[k] = '\0';
    for (int i = 0; i < PARAMS; i++) {
        if (table[i].takes & takes) {
            known[n++] = table[i].name;
            if (table[i].alias) {
                known[n++] = table[i].alias;
            }
        }
    }
    const char *near = px_str_nearest(shown, known, n);
    api_fault(f, 400, shown, "unknown_parameter", "not a parameter of this endpoint%s%s%s",
              near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

static void take(const struct api_call *call, struct px_str name, struct px_str raw,
                 struct given *g, struct api_faults *f) {
    const char *as = NULL;
    int i = param_of(name, call->ep->takes, &as);
    struct px_str v;

    if (i < 0) {
        unknown(name, call->ep->takes, f);
        return;
    }
    if (!decode(px_form_decode, raw, call, as, f, &v)) {
        return;
    }
    if (!g->v[i].p) {
        g->v[i] = v;
        g->as[i] = as;
    } else if (g->as[i] == as) {
        api_fault(f, 400, as, "duplicate_parameter", "was given more than once");
    } else if (!px_str_eq(g->v[i], v)) {
        api_fault(f, 400, as, "conflicting_parameters", "%s and %s mean the same but differ",
                  table[i].name, table[i].alias);
    }
}

static void take_grain(const struct given *g, enum api_grain *ret, struct api_faults *f) {
    *ret = API_GRAIN_DAY;
    if (!g->v[P_GRAIN].p) {
        return;
    }
    for (int i = API_GRAIN_DAY; i <= API_GRAIN_MINUTE; i++) {
        if (px_str_is(g->v[P_GRAIN], api_grain_name((enum api_grain)i))) {
            *ret = (enum api_grain)i;
            return;
        }
    }
    api_fault(f, 400, "grain", "bad_grain", "is day, hour or minute");
}

static void take_traffic(const struct given *g, enum api_grain grain, bool *ret,
                         struct api_faults *f) {
    *ret = false;
    if (!g->v[P_TRAFFIC].p || px_str_is(g->v[P_TRAFFIC], "all")) {
        return;
    }
    if (!px_str_is(g->v[P_TRAFFIC], "human")) {
        api_fault(f, 400, "traffic", "bad_traffic", "is all or human");
    } else if (grain != API_GRAIN_DAY) {
        api_fault(f, 400, "traffic", "traffic_per_day",
                  "human is known per day only: use grain=day, or traffic=all");
    }
    *ret = true;
}

static void take_range(const struct api_param_rules *rules, const struct given *g,
                       enum api_grain grain, struct api_range *ret, struct api_faults *f) {
    struct api_range_text text = {.start = g->v[P_START], .end = g->v[P_END], .grain = grain};
    const char *field = NULL;
    struct px_err err = PX_ERR_INIT;
    size_t before = f->n;

    for (int i = P_START; i <= P_END; i++) {
        if (!g->v[i].p || g->v[i].n == 0) {
            api_fault(f, 400, table[i].name, "missing_field", "is required (alias: %s)",
                      table[i].alias);
        }
    }
    if (f->n > before || !api_range_parse(&rules->range, &text, ret, &field, &err)) {
        return;
    }
    /* "code: sentence", see range.h */
    struct px_str msg = px_str_c(err.msg);
    size_t colon = px_str_find(msg, ':');
    char code[32] = "bad_range";

    if (colon < msg.n && px_str_copy((struct px_str){.p = msg.p, .n = colon}, code, sizeof(code))) {
        api_fault(f, 400, field, code, "%s", msg.p + colon + 2);
    } else {
        api_fault(f, 400, field, code, "%s", err.msg);
    }
}

static void take_page(const struct api_param_rules *rules, const struct given *g,
                      struct api_call *call, struct api_faults *f) {
    int64_t limit = rules->page_default;

    if (g->v[P_LIMIT].p && !px_parse_i64(g->v[P_LIMIT], 1, rules->page_max, &limit)) {
        api_fault(f, 400, "limit", "bad_limit", "is a number from 1 to %d", (int)rules->page_max);
    }
    call->page.limit = (size_t)limit;
    if (g->v[P_CURSOR].p &&
        !api_cursor_read(call->fingerprint, g->v[P_CURSOR], &call->page.first)) {
        api_fault(f, 400, "cursor", "bad_cursor",
                  "is not a cursor of this query; take it from page.nextCursor and leave the other "
                  "parameters as they were");
    }
}

static uint64_t fingerprint(const struct api_call *call) {
    uint64_t h = px_siphash(1, 2, px_str_c(call->ep->id));

    h = px_siphash(h, 3, call->name);
    h = px_siphash(h, (uint64_t)call->range.from, px_str_c(api_grain_name(call->range.grain)));
    h = px_siphash(h, (uint64_t)call->range.to, (struct px_str){.p = NULL});
    return call->human ? px_siphash(h, 4, PX_S("human")) : h;
}

bool api_params(const struct api_param_rules *rules, const struct api_param_text *text,
                struct api_call *call, struct api_faults *f) {
    struct given g = {.v = {{.p = NULL}}};
    struct px_form form = {.rest = text->query};
    struct px_str name;
    struct px_str value;
    bool has_value;
    enum api_grain grain;

    while (px_form_next(&form, &name, &value, &has_value)) {
        take(call, name, value, &g, f);
    }
    if (call->ep->path_param &&
        decode(px_path_decode, text->part, call, call->ep->path_param, f, &call->name) &&
        call->ep->check) {
        call->ep->check(call, f);
    }
    take_grain(&g, &grain, f);
    take_traffic(&g, grain, &call->human, f);
    take_range(rules, &g, grain, &call->range, f);
    call->fingerprint = fingerprint(call);
    take_page(rules, &g, call, f);
    return f->n == 0;
}

/* A cursor is "1." first "." fingerprint in hexadecimal: opaque to clients, cheap to check. */
size_t api_cursor_write(uint64_t fp, size_t first, char out[API_CURSOR_TEXT]) {
    int n = snprintf(out, API_CURSOR_TEXT, "1.%zx.%016llx", first, (unsigned long long)fp);

    return n > 0 ? (size_t)n : 0;
}

bool api_cursor_read(uint64_t fp, struct px_str text, size_t *ret_first) {
    size_t first = 0;
    size_t digits = 0;
    char again[API_CURSOR_TEXT];

    for (size_t i = 2; i < text.n && text.p[i] != '.'; i++, digits++) {
        int d = px_hex_digit(text.p[i]);

        if (d < 0 || digits == 8) {
            return false;
        }
        first = first * 16 + (size_t)d;
    }
    /* writing it again must give the same bytes: nothing else is accepted */
    size_t n = api_cursor_write(fp, first, again);
    if (!px_str_eq(text, (struct px_str){.p = again, .n = n})) {
        return false;
    }
    *ret_first = first;
    return true;
}
