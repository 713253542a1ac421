/* The registry as Prometheus text 0.0.4, and its rows as documentation. Called by the admin port
 * for every scrape. Reads the shards with relaxed loads only; must not write them. */
#include "metric_priv.h"

static const char *const kind_names[] = {
    [PX_METRIC_COUNTER] = "counter",
    [PX_METRIC_GAUGE] = "gauge",
    [PX_METRIC_HISTOGRAM] = "histogram",
};

void px_metric_seconds(struct px_buf *out, px_us us) {
    uint64_t v = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    uint64_t fraction = v % 1000000;
    unsigned digits = 6;

    if (us < 0) {
        px_buf_byte(out, '-');
    }
    px_buf_u64(out, v / 1000000);
    if (fraction == 0) {
        return;
    }
    for (; fraction % 10 == 0; fraction /= 10) {
        digits--;
    }
    px_buf_printf(out, ".%0*llu", (int)digits, (unsigned long long)fraction);
}

/* Escapes of the format: backslash and newline everywhere, the quote in label values only. */
static void prom_escaped(struct px_buf *out, const char *s, bool quote) {
    for (; *s; s++) {
        if (*s == '\\' || (quote && *s == '"')) {
            px_buf_byte(out, '\\');
            px_buf_byte(out, (uint8_t)*s);
        } else if (*s == '\n') {
            px_buf_c(out, "\\n");
        } else {
            px_buf_byte(out, (uint8_t)*s);
        }
    }
}

static void prom_label(struct px_buf *out, const char *name, const char *value, const char **sep) {
    px_buf_c(out, *sep);
    px_buf_c(out, name);
    px_buf_c(out, "=\"");
    prom_escaped(out, value, true);
    px_buf_byte(out, '"');
    *sep = ",";
}

/* A series: its row and the positions in the label sets. */
struct series {
    const struct px_metric_def *def;
    size_t l[2];
};

/* name{suffix}{labels} up to the value; ${le} is the bucket edge in microseconds, 0 = +Inf, -1 =
 * none. */
static void prom_name(struct px_buf *out, const struct series *s, const char *suffix, px_us le) {
    const char *sep = "{";

    px_buf_c(out, s->def->name);
    px_buf_c(out, suffix);
    for (size_t i = 0; i < 2; i++) {
        if (s->def->set[i]) {
            prom_label(out, s->def->label[i], s->def->set[i]->v[s->l[i]], &sep);
        }
    }
    if (le >= 0) {
        px_buf_c(out, sep);
        px_buf_c(out, "le=\"");
        if (le) {
            px_metric_seconds(out, le);
        } else {
            px_buf_c(out, "+Inf");
        }
        px_buf_byte(out, '"');
        sep = ",";
    }
    px_buf_c(out, sep[0] == ',' ? "} " : " ");
}

static void prom_histogram(const struct px_metrics *m, const struct series *s, size_t slot,
                           struct px_buf *out) {
    const struct px_buckets *b = s->def->buckets;
    uint64_t count = 0;

    for (size_t i = 0; i <= b->n; i++) {
        count += (uint64_t)px_metric_sum(m, slot + i);
        prom_name(out, s, "_bucket", i < b->n ? b->edge[i] : 0);
        px_buf_u64(out, count);
        px_buf_byte(out, '\n');
    }
    prom_name(out, s, "_sum", -1);
    px_metric_seconds(out, px_metric_sum(m, slot + b->n + 1));
    px_buf_byte(out, '\n');
    prom_name(out, s, "_count", -1);
    px_buf_u64(out, count);
    px_buf_byte(out, '\n');
}

static void prom_series(const struct px_metrics *m, size_t id, const struct series *s,
                        struct px_buf *out) {
    const struct px_metric_place *p = &m->place[id];
    size_t slot = p->first + (s->l[0] * p->n2 + s->l[1]) * p->width;

    if (s->def->kind == PX_METRIC_HISTOGRAM) {
        prom_histogram(m, s, slot, out);
        return;
    }
    prom_name(out, s, "", -1);
    if (p->seconds) {
        px_metric_seconds(out, px_metric_sum(m, slot));
    } else {
        px_buf_i64(out, px_metric_sum(m, slot));
    }
    px_buf_byte(out, '\n');
}

static void prom_head(struct px_buf *out, const char *name, enum px_metric_kind kind,
                      const char *help) {
    px_buf_printf(out, "# HELP %s ", name);
    prom_escaped(out, help, false);
    px_buf_printf(out, "\n# TYPE %s %s\n", name, kind_names[kind]);
}

void px_metrics_render(const struct px_metrics *m, const struct px_build *build,
                       struct px_buf *out) {
    const char *sep = "{";

    for (size_t id = 0; id < m->n; id++) {
        const struct px_metric_place *p = &m->place[id];
        prom_head(out, m->defs[id].name, m->defs[id].kind, m->defs[id].help);
        for (size_t i = 0; i < p->n1 * p->n2; i++) {
            struct series s = {.def = &m->defs[id], .l = {i / p->n2, i % p->n2}};
            prom_series(m, id, &s, out);
        }
    }
    px_metric_process(m->started, out);
    prom_head(out, "px_build_info", PX_METRIC_GAUGE, "Which build this is; always 1.");
    px_buf_c(out, "px_build_info");
    prom_label(out, "service", build->service, &sep);
    prom_label(out, "version", build->version, &sep);
    prom_label(out, "revision", build->revision, &sep);
    px_buf_c(out, "} 1\n");
}

static void markdown_labels(const struct px_metric_def *d, struct px_buf *out) {
    for (size_t i = 0; i < 2 && d->label[i]; i++) {
        px_buf_printf(out, "%s`%s`", i ? ", " : "", d->label[i]);
    }
}

void px_metrics_markdown(const struct px_metric_def *defs, size_t n, struct px_buf *out) {
    px_buf_c(out, "| metric | kind | labels | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < n; i++) {
        px_buf_printf(out, "| `%s` | %s | ", defs[i].name, kind_names[defs[i].kind]);
        markdown_labels(&defs[i], out);
        px_buf_printf(out, " | %s |\n", defs[i].help);
    }
}
