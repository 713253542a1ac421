/* Lines for people and lines of JSON, from the same facts. */
#include "report.h"

#include <px/app.h>
#include <px/jsonw.h>
#include <px/num.h>

#define REPORT_MAX (16 << 20)

void agg_report_init(struct agg_report *r, const char *command, bool json) {
    *r = (struct agg_report){.command = command, .json = json};
    px_buf_init(&r->out, REPORT_MAX);
}

void agg_report_fini(struct agg_report *r) {
    px_buf_fini(&r->out);
}

static struct px_jsonw begin(struct agg_report *r, const char *id, const char *status) {
    struct px_jsonw w = px_jsonw_on(&r->out);
    px_jw_obj(&w);
    px_jw_kc(&w, "check", id);
    px_jw_kc(&w, "status", status);
    return w;
}

static void end(struct agg_report *r, struct px_jsonw *w) {
    px_jw_obj_end(w);
    px_buf_byte(&r->out, '\n');
}

/* "rows stored" is "rows_stored" in JSON. */
static void fact_json(struct px_jsonw *w, const struct agg_fact *f) {
    char name[96];
    size_t i = 0;
    for (; f->name[i] && i + 1 < sizeof name; i++) {
        name[i] = f->name[i] == ' ' ? '_' : f->name[i];
    }
    name[i] = '\0';
    px_jw_ki64(w, name, f->v);
}

void agg_report_check(struct agg_report *r, const char *id, bool ok, const struct agg_fact *facts,
                      size_t n) {
    const char *status = ok ? "ok" : "differs";
    if (r->json) {
        struct px_jsonw w = begin(r, id, status);
        px_jw_key(&w, "facts");
        px_jw_obj(&w);
        for (size_t i = 0; i < n; i++) {
            fact_json(&w, &facts[i]);
        }
        px_jw_obj_end(&w);
        end(r, &w);
        return;
    }
    px_buf_printf(&r->out, "%-9s %s:", status, id);
    for (size_t i = 0; i < n; i++) {
        px_buf_printf(&r->out, "%s %lld %s", i ? "," : "", (long long)facts[i].v, facts[i].name);
    }
    px_buf_byte(&r->out, '\n');
}

void agg_report_unchecked(struct agg_report *r, const char *id, const px_day days[2],
                          const char *why) {
    char text[2][PX_TIME_TEXT] = {"", ""};
    for (size_t i = 0; days && i < 2; i++) {
        (void)px_fmt_date(days[i], text[i]);
    }
    if (r->json) {
        struct px_jsonw w = begin(r, id, "not_checked");
        if (days) {
            px_jw_kc(&w, "from", text[0]);
            px_jw_kc(&w, "to", text[1]);
        }
        px_jw_kc(&w, "reason", why);
        end(r, &w);
        return;
    }
    px_buf_printf(&r->out, "unchecked %s", id);
    if (days) {
        px_buf_printf(&r->out, " %s to %s", text[0], text[1]);
    }
    px_buf_printf(&r->out, ": not checked: %s\n", why);
}

unsigned agg_report_room(const struct agg_report *r) {
    return (unsigned)(AGG_REPORT_ROWS - r->shown);
}

/* --- a row that differs ----------------------------------------------------------------------- */
static void cell_json(struct px_jsonw *w, const char *name, const struct agg_cell *c) {
    char text[PX_TIME_TEXT];
    px_jw_key(w, name);
    switch (c->kind) {
    case AGG_CELL_NULL:
        px_jw_null(w);
        break;
    case AGG_CELL_INT:
        px_jw_i64(w, c->i);
        break;
    case AGG_CELL_TIME:
        (void)px_fmt_instant(c->i, text);
        px_jw_c(w, text);
        break;
    case AGG_CELL_TEXT:
        px_jw_str(w, c->s);
        break;
    }
}

static void cell_text(struct px_buf *out, const struct agg_cell *c) {
    char text[PX_TIME_TEXT];
    switch (c->kind) {
    case AGG_CELL_NULL:
        px_buf_c(out, "NULL");
        break;
    case AGG_CELL_INT:
        px_buf_i64(out, c->i);
        break;
    case AGG_CELL_TIME:
        (void)px_fmt_instant(c->i, text);
        px_buf_c(out, text);
        break;
    case AGG_CELL_TEXT: /* quoted: ids are chosen by senders */
        px_json_escape(out, c->s);
        break;
    }
}

static void difference_json(struct agg_report *r, const struct agg_difference *d) {
    struct px_jsonw w = begin(r, d->check, "differs");
    px_jw_kc(&w, "table", d->table);
    px_jw_kc(&w, "kind", !d->stored ? "missing" : d->computed ? "changed" : "extra");
    px_jw_key(&w, "key");
    px_jw_obj(&w);
    for (size_t i = 0; i < d->nkeys; i++) {
        cell_json(&w, d->key[i].name, &d->key[i].v);
    }
    px_jw_obj_end(&w);
    px_jw_key(&w, "columns");
    px_jw_arr(&w);
    for (size_t i = 0; i < d->nvalues; i++) {
        px_jw_obj(&w);
        px_jw_kc(&w, "column", d->values[i].name);
        cell_json(&w, "stored", &d->values[i].stored);
        cell_json(&w, "recomputed", &d->values[i].computed);
        px_jw_obj_end(&w);
    }
    px_jw_arr_end(&w);
    end(r, &w);
}

static void difference_text(struct px_buf *out, const struct agg_difference *d) {
    px_buf_printf(out, "  row %s", d->table);
    for (size_t i = 0; i < d->nkeys; i++) {
        px_buf_printf(out, " %s=", d->key[i].name);
        cell_text(out, &d->key[i].v);
    }
    px_buf_c(out, !d->stored ? ": is missing" : d->computed ? ":" : ": is too many");
    for (size_t i = 0; i < d->nvalues; i++) {
        px_buf_printf(out, "%s %s", i || !d->stored || !d->computed ? "," : "", d->values[i].name);
        if (d->stored) {
            px_buf_c(out, " stored ");
            cell_text(out, &d->values[i].stored);
        }
        if (d->computed) {
            px_buf_c(out, " recomputed ");
            cell_text(out, &d->values[i].computed);
        }
    }
    px_buf_byte(out, '\n');
}

static bool same(const struct agg_two_cells *v) {
    return v->stored.kind == v->computed.kind && v->stored.i == v->computed.i;
}

void agg_report_difference(struct agg_report *r, const struct agg_difference *d) {
    struct agg_difference few = *d;
    if (agg_report_room(r) == 0) {
        return;
    }
    r->shown++;
    few.nvalues = 0;
    for (size_t i = 0; i < d->nvalues; i++) {
        if (!d->stored || !d->computed || !same(&d->values[i])) {
            few.values[few.nvalues++] = d->values[i];
        }
    }
    if (r->json) {
        difference_json(r, &few);
    } else {
        difference_text(&r->out, &few);
    }
}

void agg_report_end(struct agg_report *r, const char *result, const char *text, int64_t n) {
    int64_t more = r->differences - (int64_t)r->shown;
    if (r->json) {
        struct px_jsonw w = px_jsonw_on(&r->out);
        px_jw_obj(&w);
        px_jw_kc(&w, "command", r->command);
        px_jw_kc(&w, "result", result);
        px_jw_ki64(&w, "rows", n);
        px_jw_ki64(&w, "unnamed", more > 0 ? more : 0);
        end(r, &w);
        return;
    }
    if (more > 0) {
        px_buf_printf(&r->out, "... and %lld more rows that differ\n", (long long)more);
    }
    px_buf_printf(&r->out, "%s: %s\n", r->command, text);
}

enum px_code agg_report_print(struct agg_report *r, struct px_err *reterr) {
    enum px_code rc = px_buf_ok(&r->out, reterr);
    return rc == PX_OK ? px_app_print(px_buf_view(&r->out), reterr) : rc;
}
