/* Probe results as a table for people and as JSON lines for programs. Pure. */
#include <px/probe.h>

#include <px/jsonw.h>

#define PREFIX 19 /* columns of a row besides its name, before the detail */

static const char *const state_text[] = {
    [PX_PROBE_OK] = "ok",
    [PX_PROBE_WARNED] = "warn",
    [PX_PROBE_FAILED] = "FAIL",
    [PX_PROBE_SKIPPED] = "skip",
};
static const char *const state_json[] = {
    [PX_PROBE_OK] = "ok",
    [PX_PROBE_WARNED] = "warn",
    [PX_PROBE_FAILED] = "failed",
    [PX_PROBE_SKIPPED] = "skipped",
};

static size_t count(const struct px_probe_result *results, size_t n, enum px_probe_state state) {
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        k += results[i].state == state;
    }
    return k;
}

static int name_width(const struct px_probe_result *results, size_t n) {
    size_t width = 12;

    for (size_t i = 0; i < n; i++) {
        size_t k = strlen(results[i].probe->name);
        width = k > width && k <= 40 ? k : width;
    }
    return (int)width;
}

/* Each line of the remedy below the detail. */
static void print_remedy(const char *remedy, int indent, struct px_buf *out) {
    struct px_str rest = px_str_c(remedy);

    while (rest.n > 0) {
        struct px_str line = px_str_part(&rest, '\n');
        px_buf_printf(out, "%*s%.*s\n", indent, "", (int)line.n, line.p);
    }
}

void px_probes_text(const struct px_probe_result *results, size_t n, struct px_buf *out) {
    int width = name_width(results, n);

    for (size_t i = 0; i < n; i++) {
        const struct px_probe_result *r = &results[i];
        px_buf_printf(out, "%-4s  %-*s %6lld ms  %s\n", state_text[r->state], width, r->probe->name,
                      (long long)(r->took / PX_US_PER_MS),
                      r->detail[0] ? r->detail : r->probe->asks);
        print_remedy(r->remedy, width + PREFIX, out);
    }
    px_buf_printf(out, "%zu ok, %zu warn, %zu failed, %zu skipped\n",
                  count(results, n, PX_PROBE_OK), count(results, n, PX_PROBE_WARNED),
                  count(results, n, PX_PROBE_FAILED), count(results, n, PX_PROBE_SKIPPED));
}

static void json_summary(const struct px_probe_result *results, size_t n, struct px_jsonw *w) {
    px_jw_obj(w);
    px_jw_key(w, "summary");
    px_jw_obj(w);
    for (size_t i = 0; i < PX_ARRAY_LEN(state_json); i++) {
        px_jw_ki64(w, state_json[i], (int64_t)count(results, n, (enum px_probe_state)i));
    }
    px_jw_obj_end(w);
    px_jw_obj_end(w);
}

void px_probes_json(const struct px_probe_result *results, size_t n, struct px_buf *out) {
    struct px_jsonw w;

    for (size_t i = 0; i < n; i++) {
        const struct px_probe_result *r = &results[i];
        w = px_jsonw_on(out);
        px_jw_obj(&w);
        px_jw_kc(&w, "probe", r->probe->name);
        px_jw_kc(&w, "state", state_json[r->state]);
        px_jw_key(&w, "ms");
        px_jw_fixed(&w, r->took, 3);
        px_jw_kc(&w, "asks", r->probe->asks);
        px_jw_kc(&w, "detail", r->detail);
        if (r->remedy[0]) {
            px_jw_kc(&w, "remedy", r->remedy);
        }
        px_jw_obj_end(&w);
        px_buf_byte(out, '\n');
    }
    w = px_jsonw_on(out);
    json_summary(results, n, &w);
    px_buf_byte(out, '\n');
}

void px_probes_list(const struct px_probe *list, size_t n, struct px_buf *out) {
    for (size_t i = 0; i < n; i++) {
        px_buf_printf(out, "%-24s %s%s\n", list[i].name, list[i].asks,
                      list[i].flags & PX_PROBE_OFFLINE ? " (offline)" : "");
    }
}
