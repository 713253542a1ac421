/* The table events, page by page, against the records of the log (way 2). A row that this log does
 * not show is one of another log, of offsets that the log no longer keeps, or a phantom. */
#include "ledger_report.h"
#include "ledger_sql.h"

#include <px/dialect.h>
#include <px/mem.h>
#include <px/num.h>

#define PAGE 20000

enum { /* columns of a page */
    COL_ID,
    COL_PARTITION,
    COL_OFFSET,
    COL_PLAYER,
    COL_TYPE,
    COL_BANNER,
    COL_EID,
    COL_DISPOSITION,
    COL_METADATA,
    COL_CLASS,
    COL_REASON,
    COL_TIME,
    COL_RECEIVED
};

static void page_text(const struct px_dialect *d, struct px_buf *out) {
    bool uuid = strcmp(d->name, "postgresql") == 0;
    px_buf_printf(out,
                  "SELECT %s, \"partition\", \"offset\", player_id, event_type, banner_tag, "
                  "client_event_id, disposition, metadata_json, \"class\", class_reason, ",
                  uuid ? "CAST(id AS text)" : "id");
    d->time_us(out, "created_at");
    px_buf_c(out, ", ");
    d->time_us(out, "received_at");
    px_buf_printf(out, " FROM events WHERE id > %s ORDER BY id LIMIT %d",
                  uuid ? "CAST(? AS uuid)" : "?", PAGE);
}

/* The row as an event; equal texts get equal numbers. */
static bool row_of(struct ledger *l, const struct px_stmt *st, struct lg_event *to) {
    px_us t = px_col_i64(st, COL_TIME);
    *to = (struct lg_event){
        .partition = (int32_t)px_col_i64(st, COL_PARTITION),
        .offset = px_col_i64(st, COL_OFFSET),
        .received = px_col_i64(st, COL_RECEIVED),
        .player = lg_text(&l->texts, px_col_text(st, COL_PLAYER)),
        .type = lg_text(&l->texts, px_col_text(st, COL_TYPE)),
        .banner = lg_text(&l->texts, px_col_text(st, COL_BANNER)),
        .eid = lg_text(&l->texts, px_col_text(st, COL_EID)),
        .traffic = lg_traffic(&l->texts, px_col_text(st, COL_CLASS), px_col_text(st, COL_REASON)),
        .content = lg_hash(px_col_text(st, COL_METADATA)),
        .got = (uint8_t)lg_disposition_of(px_col_text(st, COL_DISPOSITION)),
        .flags = LG_FOREIGN | LG_STORED};
    to->occurred = t == to->received ? 0 : t;
    return px_uuid_parse(px_col_text(st, COL_ID), &to->id);
}

/* --- rows that the log shows --------------------------------------------------------------------
 */

/* Of an erased player's row everything that tells of the person is empty. */
static const char *difference(const struct lg_event *e, const struct lg_event *row) {
    bool gone = (e->flags & LG_GONE) != 0;
    uint32_t player = gone ? 0 : e->player, eid = gone ? 0 : e->eid;
    uint64_t content = gone ? lg_hash(PX_S("{}")) : e->content;
    return row->partition != e->partition || row->offset != e->offset ? "position"
           : row->player != player                                    ? "player_id"
           : row->type != e->type                                     ? "event_type"
           : row->banner != e->banner                                 ? "banner_tag"
           : row->eid != eid                                          ? "client_event_id"
           : row->received != e->received                             ? "received_at"
           : lg_time(row) != lg_time(e)                               ? "created_at"
           : row->content != content                                  ? "metadata_json"
           : row->traffic != e->traffic                               ? "class"
           : row->got == LG_NONE                                      ? "disposition"
                                                                      : NULL;
}

static void compare_row(struct ledger *l, struct lg_event *e, const struct lg_event *row) {
    const char *what = difference(e, row);
    if (e->flags & LG_STORED) {
        lg_violation(l, LG_DOUBLED_IN_SQL, (struct lg_about){.event = e}, "a second row");
    }
    e->flags |= LG_STORED;
    e->got = row->got;
    if (what) {
        lg_violation(l, LG_ROW_DIFFERS, (struct lg_about){.event = e},
                     "%s: the row says partition %d offset %lld", what, row->partition,
                     (long long)row->offset);
    }
    if (!(e->flags & LG_APPLIED)) {
        lg_violation(l, LG_AHEAD_IN_SQL, (struct lg_about){.event = e},
                     "SQL stands before offset %lld of partition %d", (long long)e->offset,
                     e->partition);
    } else if (e->flags & LG_GAP) {
        lg_violation(l, LG_PHANTOM_IN_SQL, (struct lg_about){.event = e},
                     "its offset was recorded as a gap");
    }
}

/* --- rows that it does not ----------------------------------------------------------------------
 */

/* A row does not say of which log it is. Of those that reach its offset it is given to the shortest
 * with room, so that the longer ones keep theirs for rows that only they can show. */
static struct lg_other *other_log(struct ledger *l, const struct lg_event *row) {
    struct lg_other *best = NULL;
    for (size_t i = 0; i < l->others.n; i++) {
        struct lg_other *o = lg_vec_at(&l->others, i);
        if (o->partition == row->partition && row->offset >= o->first && row->offset < o->next &&
            o->rows < o->events && (!best || o->next < best->next)) {
            best = o;
        }
    }
    return best;
}

/* Can something else than this log have shown a row? ${ret_flags}: LG_BELOW, when it was this log
 * before its first records were deleted. */
static bool shown_elsewhere(struct ledger *l, const struct lg_event *row, uint16_t *ret_flags) {
    bool mine = row->partition >= 0 && (size_t)row->partition < l->nparts;
    const struct lg_part *p = mine ? &l->parts[row->partition] : NULL;
    struct lg_other *other = other_log(l, row);
    if (other) {
        other->rows++;
        return true;
    }
    if (p && p->has_ledger && row->offset >= p->first && row->offset < p->low) {
        *ret_flags = LG_BELOW;
        return true;
    }
    for (size_t i = 0; i < l->cuts.n; i++) { /* the topic was made anew, or cut back */
        const struct lg_range *r = lg_vec_at(&l->cuts, i);
        if (r->partition == row->partition && row->offset < r->from) {
            return true;
        }
    }
    return false;
}

static void unknown_row(struct ledger *l, const struct lg_event *row) {
    uint16_t flags = 0;
    if (!shown_elsewhere(l, row, &flags)) {
        const struct lg_event *there = lg_event_at(l, row->partition, row->offset);
        lg_violation(l, LG_PHANTOM_IN_SQL, (struct lg_about){.id = &row->id},
                     "partition %d offset %lld %s", row->partition, (long long)row->offset,
                     there && there->want == LG_DEAD ? "cannot be counted"
                     : there                         ? "is another event"
                                                     : "is no record of the log");
        return;
    }
    size_t place = l->events.n;
    bool is_new = false;
    struct lg_event *e = lg_vec_add(&l->events);
    *e = *row;
    e->flags |= flags;
    l->kept.blurred = l->kept.blurred || e->player == 0;
    lg_row(&l->ids, lg_id_key(&row->id), &is_new)->want = (int64_t)place;
    l->foreign++;
}

/* The record that the row was made from is below the start of its partition by now: what the log
 * still holds of that id are copies. */
static bool original_gone(const struct ledger *l, const struct lg_event *row,
                          const struct lg_event *first) {
    bool mine = row->partition >= 0 && (size_t)row->partition < l->nparts;
    const struct lg_part *p = mine ? &l->parts[row->partition] : NULL;
    return p && p->has_ledger && row->offset >= p->first && row->offset < p->low &&
           (first->partition != row->partition || first->offset > row->offset);
}

/* The record that ${row} was made from, or NULL. Where several partitions hold its id it is the one
 * that SQL applied first, which only the row can tell; within a partition it is the first. */
static struct lg_event *record_of(struct ledger *l, const struct lg_event *row) {
    struct lg_row *id = lg_row_find(&l->ids, lg_id_key(&row->id));
    if (!id) {
        return NULL;
    }
    struct lg_event *first = lg_event_no(l, (size_t)id->want);
    if (original_gone(l, row, first)) {
        first->flags |= LG_AGAIN;
        return NULL;
    }
    const struct lg_row *here =
        id->got > 1 ? lg_row_find(&l->copies, lg_copy_key(&row->id, row->partition)) : NULL;
    if (!here || here->want == id->want) {
        return first;
    }
    struct lg_event *e = lg_event_no(l, (size_t)here->want);
    id->want = here->want;
    first->flags |= LG_AGAIN;
    e->flags &= (uint16_t)~LG_AGAIN;
    return e;
}

/* The last id of a page, as SQL writes it: the next page begins behind it. */
#define ID_MAX 64

static enum px_code take_row(struct ledger *l, const struct px_stmt *st, char last[ID_MAX],
                             struct px_err *reterr) {
    struct lg_event row;
    struct px_str id = px_col_text(st, COL_ID);
    bool sound = row_of(l, st, &row);
    l->sql_rows++;
    if (!px_str_copy(id, last, ID_MAX)) {
        return PX_FAIL(reterr, PX_INVALID, "events.id %.*s is no UUID", PX_S_ARG(id));
    }
    struct lg_event *e = sound ? record_of(l, &row) : NULL;
    if (!sound) {
        lg_violation(l, LG_PHANTOM_IN_SQL, (struct lg_about){0}, "id %s is no UUID", last);
    } else if (e && !(e->flags & LG_FOREIGN)) {
        compare_row(l, e, &row);
    } else {
        unknown_row(l, &row);
    }
    if (l->sql_rows % 250000 == 0) {
        lg_progress(l, "%lld rows of events read", (long long)l->sql_rows);
    }
    return PX_OK;
}

static enum px_code page(struct ledger *l, struct px_stmt *st, char last[ID_MAX],
                         struct px_err *reterr) {
    enum px_code rc = px_bind_text(st, 0, px_str_c(last), reterr);
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    while (rc == PX_OK && (rc = px_stmt_next(st, reterr)) == PX_OK) {
        rc = take_row(l, st, last, reterr);
    }
    px_stmt_end(st);
    return rc == PX_NO_ROW ? PX_OK : rc;
}

static enum px_code all_pages(struct ledger *l, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(4096);
    PX_DEFER(lg_stmt_free) struct px_stmt *st = NULL;
    char last[ID_MAX] = "00000000-0000-0000-0000-000000000000";
    int64_t before = -1;
    page_text(px_sql_dialect(l->db), &text);
    enum px_code rc = px_sql_prepare(l->db, px_buf_view(&text), &st, reterr);
    while (rc == PX_OK && l->sql_rows != before) {
        before = l->sql_rows;
        rc = page(l, st, last, reterr);
    }
    return rc;
}

/* Paging by id sees each id once; what it does not see is a second row of the same id. */
static enum px_code count_rows(struct ledger *l, struct px_err *reterr) {
    PX_DEFER(lg_stmt_free) struct px_stmt *st = NULL;
    enum px_code rc = lg_ask(l->db, "SELECT COUNT(*) FROM events", &st, reterr);
    rc = rc == PX_OK ? px_stmt_next(st, reterr) : rc;
    if (rc == PX_OK && px_col_i64(st, 0) != l->sql_rows) {
        lg_violation(l, LG_DOUBLED_IN_SQL, (struct lg_about){0},
                     "the table events holds %lld rows, but %lld ids", (long long)px_col_i64(st, 0),
                     (long long)l->sql_rows);
    }
    return rc;
}

static void find_missing(struct ledger *l) {
    for (size_t i = 0; i < l->ids.rows.n; i++) {
        const struct lg_event *e = lg_event_no(l, (size_t)lg_row_at(&l->ids, i)->want);
        if (!lg_takes_part(e) || (e->flags & (LG_STORED | LG_GONE))) {
            continue;
        }
        if (px_zone_day(l->zone, lg_time(e)) < l->kept.raw_from) {
            l->removed++;
        } else {
            lg_violation(l, LG_MISSING_IN_SQL, (struct lg_about){.event = e},
                         "partition %d offset %lld", e->partition, (long long)e->offset);
        }
    }
}

/* Which records SQL says it has passed, and which it gave up. */
static void mark(struct ledger *l) {
    for (size_t i = 0; i < l->events.n; i++) {
        struct lg_event *e = lg_event_no(l, i);
        const struct lg_part *p = &l->parts[e->partition];
        int64_t next = p->next > p->ledger_next ? p->next : p->ledger_next;
        e->flags |= e->offset < next ? LG_APPLIED : 0;
        bool old = e->want != LG_DEAD && px_zone_day(l->zone, lg_time(e)) < l->kept.claims_from;
        e->flags |= old ? LG_OLD : 0;
        for (size_t g = 0; g < l->gaps.n; g++) {
            const struct lg_range *r = lg_vec_at(&l->gaps, g);
            if (r->partition == e->partition && e->offset >= r->from && e->offset < r->to) {
                e->flags |= LG_GAP;
            }
        }
    }
}

/* Events that SQL accounts for, that neither this log nor a raw row shows. */
static void count_lost_sight(struct ledger *l, int64_t below) {
    for (size_t i = 0; i < l->others.n; i++) {
        const struct lg_other *o = lg_vec_at(&l->others, i);
        int64_t lost = o->events - o->rewound - o->rows;
        l->foreign_missing += lost > 0 ? lost : 0;
    }
    l->foreign_missing += below > 0 ? below : 0;
}

/* Of this log: events below its first offset that no raw row shows. */
static int64_t below_start(const struct ledger *l) {
    int64_t *left = px_calloc2(l->nparts + 1, sizeof *left), sum = 0;
    px_assert(left);
    for (size_t p = 0; p < l->nparts; p++) {
        const struct lg_part *part = &l->parts[p];
        for (int c = LG_COL_COUNTED; c <= LG_COL_ERASED; c++) {
            left[p] += part->column[c];
        }
        left[p] -= part->column[LG_COL_REWOUND];
    }
    for (size_t i = 0; i < l->events.n; i++) {
        const struct lg_event *e = lg_event_no(l, i);
        left[(size_t)e->partition < l->nparts ? (size_t)e->partition : l->nparts] -=
            lg_takes_part(e) ? 1 : 0;
    }
    for (size_t p = 0; p < l->nparts; p++) {
        bool cut = l->parts[p].has_ledger && l->parts[p].first < l->parts[p].low;
        sum += cut && left[p] > 0 ? left[p] : 0;
    }
    px_free(left);
    return sum;
}

static void say_foreign(struct ledger *l) {
    if (l->removed) {
        char day[PX_TIME_TEXT];
        lg_note(l, "%lld records of days before %.*s have no raw row any more: retention",
                (long long)l->removed, (int)px_fmt_date(l->kept.raw_from, day), day);
    }
    if (l->foreign) {
        lg_note(l,
                "%lld rows of events belong to other logs or to offsets below the log's start: not "
                "verifiable from this log, taken as they are stored",
                (long long)l->foreign);
    }
    if (l->foreign_missing) {
        lg_note(l,
                "%lld events of other logs or of offsets below the log's start have no raw row any "
                "more: %s",
                (long long)l->foreign_missing,
                l->kept.raw_from && !l->conf.no_raw
                    ? "sums of days whose rows retention has taken are not compared"
                    : "sums are only checked to be no smaller than what is known");
    }
}

enum px_code lg_sql_rows(struct ledger *l, struct px_err *reterr) {
    l->events.size = sizeof(struct lg_event);
    mark(l);
    if (l->conf.no_raw) {
        lg_note(l, "--no-raw: the table events is not looked at (way 2)");
        count_lost_sight(l, below_start(l));
        say_foreign(l);
        return PX_OK;
    }
    enum px_code rc = all_pages(l, reterr);
    rc = rc == PX_OK ? count_rows(l, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    find_missing(l);
    count_lost_sight(l, below_start(l));
    say_foreign(l);
    px_buf_printf(&l->facts, "sql %s: %lld rows of events, %lld of them not from this log\n",
                  l->conf.dialect, (long long)l->sql_rows, (long long)l->foreign);
    return PX_OK;
}
