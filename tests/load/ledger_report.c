/* Counts violations, keeps the first witnesses, prints the verdict for people and programs. */
#include "ledger_report.h"

#include <px/jsonw.h>
#include <px/mem.h>

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name, *says;
    int way;
} classes[] = {
#define LG_CLASS(id, text, no, sentence) [LG_##id] = {.name = text, .says = sentence, .way = no},
#include "ledger_classes.def"
#undef LG_CLASS
};

const char *lg_class_name(enum lg_class c) {
    return classes[c].name;
}

static char *text_of(const char *format, va_list args) PX_PRINTF(1, 0);
static char *text_of(const char *format, va_list args) {
    char text[1024];
    int n = vsnprintf(text, sizeof text, format, args);
    char *copy = px_strdup_n(text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
    px_assert(copy);
    return copy;
}

static void about_witness(const struct ledger *l, struct lg_witness *w, struct lg_about a) {
    w->partition = -1;
    w->request = -1;
    if (a.request) {
        for (size_t i = 0; i < l->requests.n && w->request < 0; i++) {
            w->request = lg_vec_at(&l->requests, i) == a.request ? (int64_t)i : -1;
        }
        w->has_id = a.request->has_id;
        w->id = a.request->id;
    }
    if (a.id) {
        w->has_id = true;
        w->id = *a.id;
    }
    if (a.letter) {
        w->partition = a.letter->partition;
        w->offset = a.letter->offset;
    }
    if (a.event) {
        w->has_id = a.event->want != LG_DEAD;
        w->id = a.event->id;
        w->partition = a.event->flags & LG_FOREIGN ? -1 : a.event->partition;
        w->offset = a.event->offset;
    }
}

void lg_violation(struct ledger *l, enum lg_class c, struct lg_about about, const char *format,
                  ...) {
    struct lg_finding *f = &l->findings[c];
    if (f->n++ >= LG_WITNESSES) {
        return;
    }
    struct lg_witness *w = &f->v[f->n - 1];
    va_list args;
    va_start(args, format);
    w->text = text_of(format, args);
    va_end(args);
    about_witness(l, w, about);
}

void lg_note(struct ledger *l, const char *format, ...) {
    va_list args;
    l->notes.size = sizeof(char *);
    va_start(args, format);
    *(char **)lg_vec_add(&l->notes) = text_of(format, args);
    va_end(args);
}

int64_t lg_violations(const struct ledger *l) {
    int64_t n = 0;
    for (size_t c = 0; c < LG_CLASSES; c++) {
        n += l->findings[c].n;
    }
    return n;
}

static size_t kept(const struct lg_finding *f) {
    return f->n < LG_WITNESSES ? (size_t)f->n : LG_WITNESSES;
}

static void print_class(const struct ledger *l, size_t c) {
    const struct lg_finding *f = &l->findings[c];
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 20);

    printf("VIOLATION %s: %lld: %s (way %d)\n", classes[c].name, (long long)f->n, classes[c].says,
           classes[c].way);
    for (size_t i = 0; i < kept(f); i++) {
        px_buf_reset(&b);
        lg_timeline(l, &f->v[i], &b);
        printf("  %s\n%s", f->v[i].text, px_buf_cstr(&b));
    }
    if ((size_t)f->n > kept(f)) {
        printf("  ... and %lld more\n", (long long)f->n - (long long)kept(f));
    }
}

void lg_print(const struct ledger *l) {
    fwrite(l->facts.p, 1, l->facts.n, stdout);
    for (size_t i = 0; i < l->notes.n; i++) {
        printf("note: %s\n", *(char **)lg_vec_at(&l->notes, i));
    }
    for (size_t c = 0; c < LG_CLASSES; c++) {
        if (l->findings[c].n) {
            print_class(l, c);
        }
    }
    int64_t n = lg_violations(l);
    if (n == 0) {
        printf("ledger: exact\n");
    } else {
        printf("ledger: %lld violations\n", (long long)n);
    }
}

static void json_class(const struct ledger *l, struct px_jsonw *w, size_t c) {
    const struct lg_finding *f = &l->findings[c];
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 20);

    px_jw_obj(w);
    px_jw_kc(w, "class", classes[c].name);
    px_jw_ki64(w, "way", classes[c].way);
    px_jw_ki64(w, "count", f->n);
    px_jw_key(w, "witnesses");
    px_jw_arr(w);
    for (size_t i = 0; i < kept(f); i++) {
        px_buf_reset(&b);
        lg_timeline(l, &f->v[i], &b);
        px_jw_obj(w);
        px_jw_kc(w, "text", f->v[i].text);
        px_jw_kstr(w, "timeline", px_buf_view(&b));
        px_jw_obj_end(w);
    }
    px_jw_arr_end(w);
    px_jw_obj_end(w);
}

bool lg_print_json(const struct ledger *l) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(64 << 20);
    struct px_jsonw w = px_jsonw_on(&b);

    px_jw_obj(&w);
    px_jw_kc(&w, "result", lg_violations(l) ? "violations" : "exact");
    px_jw_ki64(&w, "violations", lg_violations(l));
    px_jw_kc(&w, "logId", l->log_id);
    px_jw_ki64(&w, "records", (int64_t)l->places.rows.n);
    px_jw_ki64(&w, "copies", l->ncopies);
    px_jw_ki64(&w, "requests", (int64_t)l->requests.n);
    px_jw_ki64(&w, "rows", l->sql_rows);
    px_jw_ki64(&w, "letters", (int64_t)l->letters.n);
    px_jw_ki64(&w, "deadValidToday", l->dead_valid);
    px_jw_ki64(&w, "counted", l->sums.counted);
    px_jw_key(&w, "notes");
    px_jw_arr(&w);
    for (size_t i = 0; i < l->notes.n; i++) {
        px_jw_c(&w, *(char **)lg_vec_at(&l->notes, i));
    }
    px_jw_arr_end(&w);
    px_jw_key(&w, "classes");
    px_jw_arr(&w);
    for (size_t c = 0; c < LG_CLASSES; c++) {
        if (l->findings[c].n) {
            json_class(l, &w, c);
        }
    }
    px_jw_arr_end(&w);
    px_jw_obj_end(&w);
    px_buf_byte(&b, '\n');
    FILE *f = b.failed ? NULL : fopen(l->conf.json, "we");
    bool written = f && fwrite(b.p, 1, b.n, f) == b.n;
    return f && fclose(f) == 0 && written;
}
