/* Way 2, the dispositions, and way 3: what the tables of sums must hold after the rules, against
 * what they hold. */
#include "ledger_report.h"
#include "ledger_sql.h"

#include <px/dialect.h>
#include <px/mem.h>
#include <px/num.h>
#include <px/traffic.h>

/* --- dispositions ----------------------------------------------------------------------------- */

static void collect(struct ledger *l) {
    l->order = px_calloc2(l->events.n + 1, sizeof *l->order);
    px_assert(l->order);
    for (size_t i = 0; i < l->events.n; i++) {
        struct lg_event *e = lg_event_no(l, i);
        if (lg_takes_part(e)) {
            l->order[l->norder++] = e;
        }
    }
}

/* An erased player's record without a row was read after the erasure, unless its row may have gone
 * with age, or another record bears its id. */
static void judge_erased(const struct ledger *l, struct lg_event *e) {
    bool row_gone = l->conf.no_raw || px_zone_day(l->zone, lg_time(e)) < l->kept.raw_from;
    if ((e->flags & LG_GONE) && e->got == LG_NONE) {
        e->got = LG_ERASED;
        e->flags |= row_gone || (e->flags & LG_AGAIN) ? LG_UNSURE : 0;
    }
}

/* Without a row only the rules are left, and they need what came before. */
static void mark_unsure(struct ledger *l) {
    l->kept.unseen = l->foreign_missing > 0;
    for (size_t i = 0; i < l->norder; i++) {
        struct lg_event *e = l->order[i];
        judge_erased(l, e);
        bool row = e->got != LG_NONE;
        bool taken = px_zone_day(l->zone, lg_time(e)) < l->kept.raw_from;
        e->flags |= !row && ((e->flags & LG_OLD) || (taken && l->kept.unseen)) ? LG_UNSURE : 0;
    }
}

/* Its row was taken, and when its offset was read once more it came back as what it was then. */
static bool came_back(const struct ledger *l, const struct lg_event *e) {
    return (e->got == LG_REPEAT || e->got == LG_DUPLICATE) &&
           px_zone_day(l->zone, lg_time(e)) < l->kept.raw_from &&
           l->parts[e->partition].column[LG_COL_REWOUND] > 0;
}

void lg_way_dispositions(struct ledger *l) {
    int64_t by[LG_DISPOSITIONS] = {0}, split = 0, unsure = 0;
    collect(l);
    mark_unsure(l);
    lg_decide(l->order, l->norder, l->zone, &l->kept);
    for (size_t i = 0; i < l->norder; i++) {
        const struct lg_event *e = l->order[i];
        by[e->want]++;
        split += e->flags & LG_SPLIT ? 1 : 0;
        unsure += e->flags & LG_UNSURE ? 1 : 0;
        l->foreign_missing += (e->flags & LG_UNSURE) && !(e->flags & LG_OLD) ? 1 : 0;
        if ((e->flags & LG_STORED) && !(e->flags & (LG_AGAIN | LG_FOREIGN)) && e->got != e->want &&
            !came_back(l, e)) {
            lg_violation(l, LG_DISPOSITION_DIFFERS, (struct lg_about){.event = e},
                         "SQL says %s, the rules say %s",
                         lg_disposition_name((enum lg_disposition)e->got),
                         lg_disposition_name((enum lg_disposition)e->want));
        }
    }
    struct px_str reg = PX_S("registration"), dep = PX_S("deposit");
    struct lg_names names = {.registration = lg_text(&l->texts, reg),
                             .deposit = lg_text(&l->texts, dep)};
    lg_sum(l->order, l->norder, l->zone, names, &l->sums);
    if (split && l->conf.no_raw) {
        lg_note(l,
                "%lld events are of players in several partitions; without raw rows their order "
                "is taken by time of arrival",
                (long long)split);
    }
    if (unsure) {
        lg_note(l,
                "%lld records are older than the claims or what they were measured against: they "
                "may have been late",
                (long long)unsure);
    }
    px_buf_printf(&l->facts, "rules: %lld counted, %lld repeat, %lld duplicate, %lld conflict",
                  (long long)by[LG_COUNTED], (long long)by[LG_REPEAT], (long long)by[LG_DUPLICATE],
                  (long long)by[LG_CONFLICT]);
    if (by[LG_ERASED] > 0) {
        px_buf_printf(&l->facts, ", %lld erased", (long long)by[LG_ERASED]);
    }
    px_buf_byte(&l->facts, '\n');
}

/* --- tables that count --------------------------------------------------------------------------
 */

struct counting {             /* one table of sums */
    const char *name, *first; /* its first column: a day or a time */
    bool by_time, banner, traffic;
    enum lg_class class;
    struct lg_table *expected;
};

static void show(const struct ledger *l, const struct counting *c, const struct lg_row *row,
                 struct px_buf *out) {
    char text[PX_TIME_TEXT];
    struct px_str type = lg_text_of(&l->texts, (uint32_t)row->key[1]);
    struct px_str banner = lg_text_of(&l->texts, (uint32_t)row->key[2]);
    size_t n =
        c->by_time ? px_fmt_instant(row->key[0], text) : px_fmt_date((px_day)row->key[0], text);
    px_buf_add(out, text, n);
    px_buf_printf(out, " %.*s %.*s", PX_S_ARG(type), PX_S_ARG(banner));
    if (c->traffic) {
        struct px_str traffic = lg_text_of(&l->texts, (uint32_t)row->key[3]);
        px_buf_printf(out, " %.*s", PX_S_ARG(traffic.n ? traffic : PX_S(PX_TRAFFIC_NONE)));
    }
}

/* Of days whose raw rows are all there every number must be right. Before them: what nobody shows
 * cannot be summed up; of days before the claims, late events are not in it, and the row may be
 * gone.
 */
static bool fits(const struct ledger *l, const struct lg_row *row, px_day day) {
    bool kept_raw = l->kept.raw_from > 0 && !l->conf.no_raw;
    if (row->got == row->want || (kept_raw && l->foreign_missing && day < l->kept.raw_from)) {
        return true;
    }
    if (l->foreign_missing && !kept_raw) {
        return row->got > row->want;
    }
    return day < l->kept.claims_from && row->got < row->want;
}

static void differs(struct ledger *l, const struct counting *c, const struct lg_row *row) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1024);
    if (fits(l, row, c->by_time ? px_zone_day(l->zone, row->key[0]) : (px_day)row->key[0])) {
        return;
    }
    show(l, c, row, &b);
    lg_violation(l, c->class, (struct lg_about){0}, "%s: SQL says %lld, its events are %lld",
                 px_buf_cstr(&b), (long long)row->got, (long long)row->want);
}

static enum px_code take_count(struct ledger *l, const struct counting *c, const struct px_stmt *st,
                               struct px_err *reterr) {
    struct lg_key key = {.v = {0}};
    px_day day = 0;
    unsigned at = 1;
    if (!c->by_time && !px_parse_date(px_col_text(st, 0), &day)) {
        return PX_FAIL(reterr, PX_INVALID, "%s.%s holds no date", c->name, c->first);
    }
    key.v[0] = c->by_time ? px_col_i64(st, 0) : day;
    key.v[1] = lg_text(&l->texts, px_col_text(st, at++));
    if (c->banner) {
        key.v[2] = lg_text(&l->texts, px_col_text(st, at++));
    }
    if (c->traffic) {
        key.v[3] = lg_traffic(&l->texts, px_col_text(st, at), px_col_text(st, at + 1));
        at += 2;
    }
    struct lg_row *row = lg_row(c->expected, key, NULL);
    row->got += px_col_i64(st, at);
    row->seen = true;
    return PX_OK;
}

static enum px_code compare_counts(struct ledger *l, const struct counting *c,
                                   struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(4096);
    PX_DEFER(lg_stmt_free) struct px_stmt *st = NULL;
    const struct px_dialect *d = px_sql_dialect(l->db);
    px_buf_c(&text, "SELECT ");
    if (c->by_time) {
        d->time_us(&text, c->first);
    } else {
        d->date_text(&text, c->first);
    }
    px_buf_printf(&text, ", event_type, %s%scount FROM %s", c->banner ? "banner_tag, " : "",
                  c->traffic ? "traffic_class, traffic_reason, " : "", c->name);
    enum px_code rc = lg_ask(l->db, px_buf_cstr(&text), &st, reterr);
    while (rc == PX_OK && (rc = px_stmt_next(st, reterr)) == PX_OK) {
        rc = take_count(l, c, st, reterr);
    }
    if (rc != PX_NO_ROW) {
        return rc;
    }
    for (size_t i = 0; i < c->expected->rows.n; i++) {
        differs(l, c, lg_row_at(c->expected, i));
    }
    return PX_OK;
}

/* --- players ------------------------------------------------------------------------------------
 */

static bool same_time(const struct ledger *l, px_us got, px_us want, bool earliest) {
    if (got == want) {
        return true; /* 0 = NULL */
    }
    return l->foreign_missing && got != 0 && (want == 0 || (earliest ? got < want : got > want));
}

static void compare_player(struct ledger *l, const struct px_stmt *st) {
    struct px_str name = px_col_text(st, 0);
    uint32_t text = lg_text_find(&l->texts, name);
    struct lg_player *p = text == LG_NOWHERE ? NULL : lg_player_of(&l->sums, text, false);
    if (!p) {
        if (!l->foreign_missing) {
            lg_violation(l, LG_PLAYER_DIFFERS, (struct lg_about){0},
                         "%.*s: no event moved this row", PX_S_ARG(name));
        }
        return;
    }
    p->seen = true;
    int64_t deposits = px_col_i64(st, 5);
    bool fewer = deposits < p->total_deposits - p->unsure_deposits;
    const char *what = p->unsure                                                   ? NULL
                       : !same_time(l, px_col_i64(st, 1), p->first_seen, true)     ? "first_seen"
                       : !same_time(l, px_col_i64(st, 2), p->last_event_at, false) ? "last_event_at"
                       : !same_time(l, px_col_i64(st, 3), p->registration_at, true)
                           ? "registration_at"
                       : !same_time(l, px_col_i64(st, 4), p->deposit_at, true) ? "deposit_at"
                                                                               : NULL;
    if (!what && (fewer || (!l->foreign_missing && deposits > p->total_deposits))) {
        what = "total_deposits";
    }
    if (what) {
        lg_violation(l, LG_PLAYER_DIFFERS, (struct lg_about){0},
                     "%.*s: %s does not follow from its events (total_deposits %lld, by them %lld)",
                     PX_S_ARG(name), what, (long long)deposits, (long long)p->total_deposits);
    }
}

static enum px_code compare_players(struct ledger *l, struct px_err *reterr) {
    static const char *const times[] = {"first_seen", "last_event_at", "registration_at",
                                        "deposit_at"};
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(4096);
    PX_DEFER(lg_stmt_free) struct px_stmt *st = NULL;
    px_buf_c(&text, "SELECT player_id, ");
    for (size_t i = 0; i < PX_ARRAY_LEN(times); i++) {
        px_sql_dialect(l->db)->time_us(&text, times[i]);
        px_buf_c(&text, ", ");
    }
    px_buf_c(&text, "total_deposits FROM players");
    enum px_code rc = lg_ask(l->db, px_buf_cstr(&text), &st, reterr);
    while (rc == PX_OK && (rc = px_stmt_next(st, reterr)) == PX_OK) {
        compare_player(l, st);
    }
    if (rc != PX_NO_ROW) {
        return rc;
    }
    for (size_t i = 0; i < l->sums.players.n; i++) {
        const struct lg_player *p = lg_vec_at(&l->sums.players, i);
        struct px_str name = lg_text_of(&l->texts, p->player);
        if (!p->seen && p->sure) {
            lg_violation(l, LG_PLAYER_DIFFERS, (struct lg_about){0}, "%.*s: no row",
                         PX_S_ARG(name));
        }
    }
    return PX_OK;
}

enum px_code lg_way_sums(struct ledger *l, struct px_err *reterr) {
    const struct counting tables[] = {
        {"daily_metrics", "event_date", false, false, false, LG_DAILY_DIFFERS, &l->sums.daily},
        {"event_summary", "event_date", false, true, false, LG_BANNERS_DIFFER, &l->sums.banners},
        {"class_summary", "event_date", false, true, true, LG_CLASSES_DIFFER, &l->sums.classes},
        {"minute_summary", "bucket_start", true, true, false, LG_MINUTES_DIFFER, &l->sums.minutes},
    };
    enum px_code rc = PX_OK;
    for (size_t i = 0; rc == PX_OK && i < PX_ARRAY_LEN(tables); i++) {
        rc = compare_counts(l, &tables[i], reterr);
    }
    rc = rc == PX_OK ? compare_players(l, reterr) : rc;
    px_buf_printf(&l->facts,
                  "sums: %lld counted in %zu rows of daily_metrics, %zu of event_summary, %zu of "
                  "minute_summary; %zu players\n",
                  (long long)l->sums.counted, l->sums.daily.rows.n, l->sums.banners.rows.n,
                  l->sums.minutes.rows.n, l->sums.players.n);
    return rc;
}
