/* Way 5, the last hop: what the REST API answers, against the rows that SQL gave to this program.
 */
#include "ledger_http.h"
#include "ledger_report.h"

#include <px/json.h>
#include <px/num.h>

#include <stdio.h>

#define ANSWER_MAX ((size_t)32 << 20)
#define DAYS_MAX   550

struct asking {
    struct ledger *l;
    struct px_buf body;
    px_day first, last;
    char from[PX_TIME_TEXT], to[PX_TIME_TEXT];
    int64_t numbers; /* compared */
};

static void number(struct asking *a, const char *what, const char *where, int64_t want,
                   const struct px_jnode *got) {
    int64_t v = -1;
    bool is = got && px_json_int(got, &v);
    a->numbers++;
    if (!is || v != want) {
        lg_violation(a->l, LG_API_DIFFERS, (struct lg_about){0},
                     "%s: %s: the API says %lld, SQL holds %lld", what, where, (long long)v,
                     (long long)want);
    }
}

/* The data of a 200; anything else is a violation and gives NULL. */
static enum px_code ask(struct asking *a, const char *target, struct px_json **ret,
                        struct px_err *reterr) {
    int status = 0;
    struct px_err why = PX_ERR_INIT;
    *ret = NULL;
    enum px_code rc = lg_get(a->l->conf.api, target, &status, &a->body, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    if (status != 200) {
        lg_violation(a->l, LG_API_DIFFERS, (struct lg_about){0}, "%s: status %d", target, status);
    } else if (px_json_parse(px_buf_view(&a->body), ANSWER_MAX, ret, &why) != PX_OK) {
        lg_violation(a->l, LG_API_DIFFERS, (struct lg_about){0}, "%s: %s", target, why.msg);
    }
    return PX_OK;
}

static int64_t daily(const struct ledger *l, px_day day, const char *type) {
    uint32_t text = lg_text_find(&l->texts, px_str_c(type));
    const struct lg_row *row = lg_row_find(&l->sums.daily, (struct lg_key){.v = {day, text}});
    return row ? row->got : 0;
}

static int64_t of_banner(const struct ledger *l, px_day day, const char *type, uint32_t banner) {
    uint32_t text = lg_text_find(&l->texts, px_str_c(type));
    const struct lg_row *row =
        lg_row_find(&l->sums.banners, (struct lg_key){.v = {day, text, banner}});
    return row ? row->got : 0;
}

/* --- funnels: conversion-rates and campaigns ----------------------------------------------------
 */

static const char *const steps[3] = {"visit", "registration", "deposit"};
static const char *const members[3] = {"visits", "registrations", "deposits"};

static void rates(struct asking *a, const char *what, const char *where, const int64_t n[3],
                  const struct px_jnode *of) {
    static const struct {
        const char *name;
        int over, under;
    } list[] = {
        {"visitToRegistration", 1, 0}, {"registrationToDeposit", 2, 1}, {"visitToDeposit", 2, 0}};
    for (size_t i = 0; i < PX_ARRAY_LEN(list); i++) {
        const struct px_jnode *rate = px_json_get(of, list[i].name);
        number(a, what, where, n[list[i].over], rate ? px_json_get(rate, "numerator") : NULL);
        number(a, what, where, n[list[i].under], rate ? px_json_get(rate, "denominator") : NULL);
    }
}

static void funnel_entry(struct asking *a, const char *what, const char *where, const int64_t n[3],
                         const struct px_jnode *of) {
    for (int i = 0; i < 3; i++) {
        number(a, what, where, n[i], of ? px_json_get(of, members[i]) : NULL);
    }
    if (of) {
        rates(a, what, where, n, of);
    }
}

/* ${banner} 0: all of them. */
static enum px_code funnel(struct asking *a, const char *path, uint32_t banner,
                           struct px_err *reterr) {
    char target[1024];
    struct px_json *json;
    int64_t total[3] = {0};
    snprintf(target, sizeof target, "%.600s?startDate=%s&endDate=%s&limit=1000", path, a->from,
             a->to);
    enum px_code rc = ask(a, target, &json, reterr);
    if (rc != PX_OK || !json) {
        return rc;
    }
    const struct px_jnode *data = px_json_get(px_json_root(json), "data");
    const struct px_jnode *series = data ? px_json_get(data, "series") : NULL;
    const struct px_jnode *entry = series ? px_json_first(series) : NULL;
    for (px_day d = a->first; d <= a->last; d++, entry = entry ? px_json_next(entry) : NULL) {
        char day[PX_TIME_TEXT];
        int64_t n[3];
        px_fmt_date(d, day);
        for (int i = 0; i < 3; i++) {
            n[i] = banner ? of_banner(a->l, d, steps[i], banner) : daily(a->l, d, steps[i]);
            total[i] += n[i];
        }
        const struct px_jnode *date = entry ? px_json_get(entry, "date") : NULL;
        bool right = date && px_str_is(px_json_text(date), day);
        funnel_entry(a, path, day, n, right ? entry : NULL);
    }
    funnel_entry(a, path, "total", total, data);
    px_json_free(json);
    return PX_OK;
}

static enum px_code biggest_campaign(struct asking *a, struct px_err *reterr) {
    const struct ledger *l = a->l;
    const struct lg_row *best = NULL;
    char path[600] = "/api/metrics/campaigns/";
    size_t n = strlen(path);
    for (size_t i = 0; i < l->sums.banners.rows.n; i++) {
        const struct lg_row *row = lg_row_at(&l->sums.banners, i);
        best = !best || row->got > best->got ? row : best;
    }
    if (!best) {
        return PX_OK;
    }
    struct px_str tag = lg_text_of(&l->texts, (uint32_t)best->key[2]);
    for (size_t i = 0; i < tag.n && n + 4 < sizeof path; i++) {
        n += (size_t)snprintf(path + n, sizeof path - n, "%%%02X", (unsigned)(uint8_t)tag.p[i]);
    }
    return funnel(a, path, (uint32_t)best->key[2], reterr);
}

/* --- lists of counts: trends, all types ---------------------------------------------------------
 */

struct list { /* an answer that is one entry per bucket (and type), over several pages */
    struct asking *a;
    const char *question;
    uint32_t type;        /* of all entries; 0: each names its own */
    bool by_time;         /* buckets are minutes */
    struct lg_table rows; /* (day or us, type) -> want */
    int64_t entries;
};

static void list_entry(struct list *v, const struct px_jnode *e) {
    struct ledger *l = v->a->l;
    const struct px_jnode *at = px_json_get(e, v->by_time ? "time" : "date");
    const struct px_jnode *named = px_json_get(e, "eventType");
    struct px_str text = at ? px_json_text(at) : PX_S(""),
                  name = named ? px_json_text(named) : text;
    uint32_t type = v->type ? v->type : lg_text(&l->texts, name);
    px_us time = -1;
    px_day day = -1;
    bool sound = v->by_time ? px_parse_instant(text, &time) : px_parse_date(text, &day);
    struct lg_row *row =
        lg_row(&v->rows, (struct lg_key){.v = {v->by_time ? time : day, type}}, NULL);
    char where[128];
    snprintf(where, sizeof where, "%.*s %.*s%s", PX_S_ARG(text), v->type ? 0 : (int)name.n,
             name.p ? name.p : "", sound && !row->seen ? "" : " (no time, or twice)");
    number(v->a, v->question, where, row->want,
           sound && !row->seen ? px_json_get(e, "count") : NULL);
    row->seen = true;
    v->entries++;
}

static enum px_code list_page(struct list *v, char cursor[256], struct px_err *reterr) {
    char target[1024];
    struct px_json *json;
    snprintf(target, sizeof target, "%.600s%s%s", v->question, cursor[0] ? "&cursor=" : "", cursor);
    cursor[0] = '\0';
    enum px_code rc = ask(v->a, target, &json, reterr);
    if (rc != PX_OK || !json) {
        return rc;
    }
    const struct px_jnode *root = px_json_root(json);
    const struct px_jnode *data = px_json_get(root, "data"), *page = px_json_get(root, "page");
    const struct px_jnode *series = data ? px_json_get(data, "series") : NULL;
    const struct px_jnode *next = page ? px_json_get(page, "nextCursor") : NULL;
    series = series ? series : data;
    for (const struct px_jnode *e = series ? px_json_first(series) : NULL; e; e = px_json_next(e)) {
        list_entry(v, e);
    }
    if (next && px_json_text(next).p && !px_str_copy(px_json_text(next), cursor, 256)) {
        lg_violation(v->a->l, LG_API_DIFFERS, (struct lg_about){0}, "%s: nextCursor", target);
    }
    px_json_free(json);
    return PX_OK;
}

/* Asks all pages; every entry must be as expected and nothing expected may be left out. */
static enum px_code list_ask(struct list *v, int64_t entries, struct px_err *reterr) {
    char cursor[256] = "";
    enum px_code rc = PX_OK;
    do {
        rc = list_page(v, cursor, reterr);
    } while (rc == PX_OK && cursor[0] && v->entries <= entries);
    if (rc == PX_OK && v->entries != entries) {
        lg_violation(v->a->l, LG_API_DIFFERS, (struct lg_about){0},
                     "%s: %lld entries, there should be %lld", v->question, (long long)v->entries,
                     (long long)entries);
    }
    for (size_t i = 0; rc == PX_OK && i < v->rows.rows.n; i++) {
        const struct lg_row *row = lg_row_at(&v->rows, i);
        if (!row->seen && row->want != 0) {
            lg_violation(v->a->l, LG_API_DIFFERS, (struct lg_about){0},
                         "%s: a count of %lld is left out", v->question, (long long)row->want);
        }
    }
    lg_table_fini(&v->rows);
    return rc;
}

/* SQL's rows of [from, to), of one type or of all, summed over banners. */
static void list_expect(struct list *v, const struct lg_table *from, int64_t first, int64_t end) {
    for (size_t i = 0; i < from->rows.n; i++) {
        const struct lg_row *row = lg_row_at(from, i);
        if (row->key[0] >= first && row->key[0] < end && (!v->type || row->key[1] == v->type)) {
            lg_row(&v->rows, (struct lg_key){.v = {row->key[0], row->key[1]}}, NULL)->want +=
                row->got;
        }
    }
}

static enum px_code trend(struct asking *a, const char *type, struct px_err *reterr) {
    char question[512];
    struct list v = {.a = a, .question = question, .type = lg_text(&a->l->texts, px_str_c(type))};
    snprintf(question, sizeof question, "/api/metrics/trends/%s?startDate=%s&endDate=%s&limit=1000",
             type, a->from, a->to);
    list_expect(&v, &a->l->sums.daily, a->first, a->last + 1);
    return list_ask(&v, a->last - a->first + 1, reterr);
}

static enum px_code minutes(struct asking *a, const char *type, px_us from, struct px_err *reterr) {
    char question[512], begin[PX_TIME_TEXT], end[PX_TIME_TEXT];
    struct list v = {.a = a,
                     .question = question,
                     .by_time = true,
                     .type = lg_text(&a->l->texts, px_str_c(type))};
    px_fmt_instant(from, begin);
    px_fmt_instant(from + PX_US_PER_DAY, end);
    snprintf(question, sizeof question,
             "/api/metrics/trends/%s?startDate=%s&endDate=%s&grain=minute&limit=1000", type, begin,
             end);
    list_expect(&v, &a->l->sums.minutes, from, from + PX_US_PER_DAY);
    return list_ask(&v, 1440, reterr);
}

static enum px_code all_types(struct asking *a, struct px_err *reterr) {
    char question[512];
    struct list v = {.a = a, .question = question};
    int64_t types = (int64_t)px_catalog_count(a->l->catalog);
    snprintf(question, sizeof question, "/api/metrics?from=%s&to=%s&limit=1000", a->from, a->to);
    list_expect(&v, &a->l->sums.daily, a->first, a->last + 1);
    return list_ask(&v, types * (a->last - a->first + 1), reterr);
}

/* --- all of it ----------------------------------------------------------------------------------
 */

/* The days to ask for: those with rows, at most as many as the API answers in one range. */
static bool range_of(struct asking *a) {
    const struct lg_table *t = &a->l->sums.daily;
    bool any = false;
    for (size_t i = 0; i < t->rows.n; i++) {
        const struct lg_row *row = lg_row_at(t, i);
        px_day day = (px_day)row->key[0];
        a->first = !any || day < a->first ? day : a->first;
        a->last = !any || day > a->last ? day : a->last;
        any = true;
    }
    if (any && a->last - a->first >= DAYS_MAX) {
        a->first = a->last - DAYS_MAX + 1;
        lg_note(a->l, "--api: only the last %d days are compared", DAYS_MAX);
    }
    px_fmt_date(a->first, a->from);
    px_fmt_date(a->last, a->to);
    return any;
}

static px_us last_minute(const struct ledger *l) {
    px_us last = 0;
    for (size_t i = 0; i < l->sums.minutes.rows.n; i++) {
        const struct lg_row *row = lg_row_at(&l->sums.minutes, i);
        last = row->got && row->key[0] > last ? row->key[0] : last;
    }
    return last;
}

enum px_code lg_way_api(struct ledger *l, struct px_err *reterr) {
    struct asking a = {.l = l, .body = PX_BUF_INIT(ANSWER_MAX)};
    px_us minute = last_minute(l);
    if (!l->conf.api || l->conf.live || !range_of(&a)) {
        lg_note(l, "%s: the REST API is not compared",
                !l->conf.api   ? "no --api was given"
                : l->conf.live ? "--live"
                               : "there are no counts");
        return PX_OK;
    }
    enum px_code rc = funnel(&a, "/api/metrics/conversion-rates", 0, reterr);
    rc = rc == PX_OK ? biggest_campaign(&a, reterr) : rc;
    rc = rc == PX_OK ? all_types(&a, reterr) : rc;
    for (size_t i = 0; rc == PX_OK && i < px_catalog_count(l->catalog); i++) {
        const char *type = px_catalog_type(l->catalog, i)->name;
        rc = trend(&a, type, reterr);
        rc =
            rc == PX_OK && minute ? minutes(&a, type, minute - minute % PX_US_PER_DAY, reterr) : rc;
    }
    px_buf_fini(&a.body);
    px_buf_printf(&l->facts, "api: %lld numbers of %s to %s\n", (long long)a.numbers, a.from, a.to);
    return rc;
}
