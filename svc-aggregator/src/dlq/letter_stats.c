/* Counting dead letters; see the header. Between letters.c and the command --dlq=stats. */
#include "letter_stats.h"

#include "letter_fields.h"

#include <px/jsonw.h>
#include <px/mem.h>
#include <px/num.h>

#include <stdio.h>
#include <string.h>

#define HOURS_MAX  2048 /* some 85 days by the hour */
#define HOURS_SHOW 48

static const struct {
    const char *title, *member;
    size_t max;
} kinds[AGG_TALLIES] = {
    [AGG_BY_REASON] = {"by reason", "byReason", 64},
    [AGG_BY_TYPE] = {"by type", "byType", 256},
    [AGG_BY_SERVICE] = {"by service", "byService", 64},
    [AGG_BY_TIME] = {"by time", "byTime", HOURS_MAX},
};

enum px_code agg_letter_stats_init(struct agg_letter_stats *s, struct px_err *reterr) {
    *s = (struct agg_letter_stats){0};
    for (size_t i = 0; i < AGG_TALLIES; i++) {
        s->by[i].max = kinds[i].max;
        s->by[i].v = px_calloc2(kinds[i].max, sizeof *s->by[i].v);
        if (!s->by[i].v) {
            agg_letter_stats_fini(s);
            return PX_FAIL(reterr, PX_NOMEM, "no memory for statistics");
        }
    }
    return PX_OK;
}

void agg_letter_stats_fini(struct agg_letter_stats *s) {
    for (size_t i = 0; i < AGG_TALLIES; i++) {
        px_free(s->by[i].v);
    }
    *s = (struct agg_letter_stats){0};
}

static void tally(struct agg_tally *t, const char *name, int64_t n) {
    size_t at = 0, end = t->n;
    while (at < end) { /* the first row that is not before ${name} */
        size_t mid = at + (end - at) / 2;
        if (strcmp(t->v[mid].name, name) < 0) {
            at = mid + 1;
        } else {
            end = mid;
        }
    }
    if (at < t->n && strcmp(t->v[at].name, name) == 0) {
        t->v[at].n += n;
    } else if (t->n == t->max) {
        t->others += n;
    } else {
        memmove(t->v + at + 1, t->v + at, (t->n - at) * sizeof *t->v);
        snprintf(t->v[at].name, sizeof t->v[at].name, "%s", name);
        t->v[at].n = n;
        t->n++;
    }
}

/* Whoever can write to the topic can write any reason: only words are names here. */
static void tally_word(struct agg_tally *t, struct px_str s) {
    char name[AGG_TALLY_NAME];
    bool word = s.n > 0 && px_str_copy(s, name, sizeof name);
    for (size_t i = 0; word && i < s.n; i++) {
        word = s.p[i] > ' ' && s.p[i] < 0x7f;
    }
    tally(t, word ? name : "?", 1);
}

void agg_letter_stats_add(struct agg_letter_stats *s, const struct agg_letter *l) {
    char hour[PX_TIME_TEXT], service[2 * AGG_TALLY_NAME];
    s->letters++;
    if (!l->readable) {
        s->unreadable++;
        return;
    }
    s->of_log += agg_letter_of_log(l) ? 1 : 0;
    s->of_requests += l->d.topic.n == 0 ? 1 : 0;
    s->first = s->first == 0 || l->d.at < s->first ? l->d.at : s->first;
    s->last = l->d.at > s->last ? l->d.at : s->last;
    px_fmt_instant(l->d.at, hour);
    hour[13] = '\0'; /* 2026-11-21T10 */
    snprintf(service, sizeof service, "%.*s/%.*s", PX_S_ARG(l->d.service), PX_S_ARG(l->d.version));
    tally_word(&s->by[AGG_BY_REASON], l->d.reason);
    tally_word(&s->by[AGG_BY_TYPE], agg_letter_type(l));
    tally_word(&s->by[AGG_BY_SERVICE], px_str_c(service));
    tally(&s->by[AGG_BY_TIME], hour, 1);
}

/* Hours to days, in place: the names get shorter and stay sorted. */
static void close_books(struct agg_letter_stats *s) {
    struct agg_tally *t = &s->by[AGG_BY_TIME];
    size_t kept = 0;
    if (t->n <= HOURS_SHOW || strlen(t->v[0].name) <= 10) {
        return;
    }
    for (size_t i = 0; i < t->n; i++) {
        t->v[i].name[10] = '\0'; /* 2026-11-21 */
        if (kept > 0 && strcmp(t->v[kept - 1].name, t->v[i].name) == 0) {
            t->v[kept - 1].n += t->v[i].n;
        } else {
            t->v[kept++] = t->v[i];
        }
    }
    t->n = kept;
}

void agg_letter_stats_print(struct agg_letter_stats *s, struct px_buf *out) {
    char first[PX_TIME_TEXT], last[PX_TIME_TEXT];
    close_books(s);
    px_buf_printf(out, "%-18s %8lld  %lld of records of the log, %lld of refused requests",
                  "letters", (long long)s->letters, (long long)s->of_log,
                  (long long)s->of_requests);
    if (s->unreadable > 0) {
        px_buf_printf(out, ", %lld unreadable", (long long)s->unreadable);
    }
    px_buf_byte(out, '\n');
    if (s->first > 0) {
        px_fmt_instant(s->first, first);
        px_fmt_instant(s->last, last);
        px_buf_printf(out, "%-18s %s, %s\n", "first, last", first, last);
    }
    for (size_t i = 0; i < AGG_TALLIES; i++) {
        const struct agg_tally *t = &s->by[i];
        for (size_t k = 0; k < t->n; k++) {
            px_buf_printf(out, "%-18s %8lld  %s\n", k == 0 ? kinds[i].title : "",
                          (long long)t->v[k].n, t->v[k].name);
        }
        if (t->others > 0) {
            px_buf_printf(out, "%-18s %8lld  others\n", "", (long long)t->others);
        }
    }
}

void agg_letter_stats_json(struct agg_letter_stats *s, struct px_jsonw *w) {
    char at[PX_TIME_TEXT];
    close_books(s);
    px_jw_ki64(w, "letters", s->letters);
    px_jw_ki64(w, "ofRecords", s->of_log);
    px_jw_ki64(w, "ofRequests", s->of_requests);
    px_jw_ki64(w, "unreadable", s->unreadable);
    if (s->first > 0) {
        px_jw_kstr(w, "first", (struct px_str){.p = at, .n = px_fmt_instant(s->first, at)});
        px_jw_kstr(w, "last", (struct px_str){.p = at, .n = px_fmt_instant(s->last, at)});
    }
    for (size_t i = 0; i < AGG_TALLIES; i++) {
        px_jw_key(w, kinds[i].member);
        px_jw_obj(w);
        for (size_t k = 0; k < s->by[i].n; k++) {
            px_jw_ki64(w, s->by[i].v[k].name, s->by[i].v[k].n);
        }
        if (s->by[i].others > 0) {
            px_jw_ki64(w, "others", s->by[i].others);
        }
        px_jw_obj_end(w);
    }
}
