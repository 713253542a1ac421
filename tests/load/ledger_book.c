/* Reads the books of the generators, and holds them against the log (way 1). */
#include "book.h"
#include "ledger_report.h"

#include <px/num.h>

#include <stdio.h>

/* --- reading ---------------------------------------------------------------------------------- */

struct reading {
    struct ledger *l;
    struct book_reader r;
    struct lg_table numbers; /* n -> want = place of the request */
    uint8_t book;
};

static void intent(struct reading *rd, const struct book_intent *i) {
    struct ledger *l = rd->l;
    bool is_new = false;
    l->requests.size = sizeof(struct lg_request);
    int64_t place = (int64_t)l->requests.n;
    struct lg_request *r = lg_vec_add(&l->requests);
    *r = (struct lg_request){.n = (int64_t)i->n,
                             .sent = i->at,
                             .want = px_str_is(i->want, "ok") ? 0 : lg_text(&l->texts, i->want),
                             .type = lg_text(&l->texts, i->type),
                             .player = lg_text(&l->texts, i->player),
                             .banner = lg_text(&l->texts, i->banner),
                             .eid = lg_text(&l->texts, i->eid),
                             .line = (uint32_t)rd->r.line,
                             .book = rd->book};
    struct lg_row *row = lg_row(&rd->numbers, (struct lg_key){.v = {(int64_t)i->n}}, &is_new);
    if (!is_new) {
        lg_violation(l, LG_BOOK_BROKEN, (struct lg_about){0}, "%s:%zu: request %llu a second time",
                     rd->r.path, rd->r.line, (unsigned long long)i->n);
    }
    row->want = place;
}

static void ended(struct reading *rd, int64_t place, const struct book_outcome *o) {
    struct ledger *l = rd->l;
    struct lg_request *r = lg_vec_at(&l->requests, (size_t)place);
    bool is_new = false;
    r->ended = o->at;
    r->end_line = (uint32_t)rd->r.line;
    r->status = (int16_t)o->status;
    r->code = lg_text(&l->texts, o->code);
    r->answer = o->class == BOOK_OK   ? LG_ANSWER_OK
                : o->class == BOOK_NO ? LG_ANSWER_NO
                                      : LG_ANSWER_MAYBE;
    r->has_id = o->event_id.n > 0 && px_uuid_parse(o->event_id, &r->id);
    if (o->received.n > 0 && !px_parse_instant(o->received, &r->received)) {
        lg_violation(l, LG_WRONG_ANSWER, (struct lg_about){.request = r},
                     "X-Received-At is not a time");
    }
    if (!r->has_id) {
        return;
    }
    struct lg_row *row = lg_row(&l->by_answer, lg_id_key(&r->id), &is_new);
    if (!is_new) {
        lg_violation(l, LG_WRONG_ANSWER, (struct lg_about){.request = r},
                     "the same event id was given to two requests");
        return;
    }
    row->want = place;
}

static void outcome(struct reading *rd, const struct book_outcome *o) {
    struct ledger *l = rd->l;
    if (rd->r.pos > l->books[rd->book].told) {
        return; /* written while the log was read: its event may have come too late for that */
    }
    const struct lg_row *row = lg_row_find(&rd->numbers, (struct lg_key){.v = {(int64_t)o->n}});
    if (!row) {
        lg_violation(l, LG_BOOK_BROKEN, (struct lg_about){0},
                     "%s:%zu: an answer to request %llu that was never sent", rd->r.path,
                     rd->r.line, (unsigned long long)o->n);
        return;
    }
    const struct lg_request *r = lg_vec_at(&l->requests, (size_t)row->want);
    if (r->ended) {
        lg_violation(l, LG_BOOK_BROKEN, (struct lg_about){.request = r},
                     "%s:%zu: a second answer to request %llu", rd->r.path, rd->r.line,
                     (unsigned long long)o->n);
        return;
    }
    ended(rd, row->want, o);
}

static enum px_code read_one(struct ledger *l, size_t i, struct px_err *reterr) {
    struct reading rd = {.l = l, .r = BOOK_READER_INIT, .book = (uint8_t)i};
    struct book_line line;
    enum px_code rc = book_open(&rd.r, l->conf.books[i], reterr);
    if (rc != PX_OK) {
        return rc;
    }
    while ((rc = book_next(&rd.r, &line, reterr)) == PX_OK) {
        if (line.kind == BOOK_INTENT) {
            intent(&rd, &line.intent);
        } else {
            outcome(&rd, &line.outcome);
        }
    }
    if (rd.r.torn) {
        lg_note(l, "%s ends in the middle of a line (its writer was stopped): ignored",
                l->conf.books[i]);
    }
    book_reader_close(&rd.r);
    lg_table_fini(&rd.numbers);
    return rc == PX_NO_ROW ? PX_OK : rc;
}

enum px_code lg_books_open(struct ledger *l, struct px_err *reterr) {
    enum px_code rc = PX_OK;
    for (size_t i = 0; rc == PX_OK && i < l->conf.nbooks; i++) {
        struct book_reader r = BOOK_READER_INIT;
        rc = book_open(&r, l->conf.books[i], reterr);
        if (rc == PX_OK) {
            l->books[i] = (struct lg_book){.file = l->conf.books[i], .told = r.text.n};
            l->books[i].prefix = lg_text_of(&l->texts, lg_text(&l->texts, r.prefix));
        }
        book_reader_close(&r);
    }
    return rc;
}

enum px_code lg_books_read(struct ledger *l, struct px_err *reterr) {
    enum px_code rc = PX_OK;
    for (size_t i = 0; rc == PX_OK && i < l->conf.nbooks; i++) {
        rc = read_one(l, i, reterr);
    }
    return rc;
}

/* --- way 1 ------------------------------------------------------------------------------------ */

struct totals {
    int64_t ok, refused, unavailable, cut;
};

/* A 503 and a cut connection are never wrong: they promise nothing. */
static bool answer_fits(const struct ledger *l, const struct lg_request *r, char *why, size_t cap) {
    struct px_str want = r->want ? lg_text_of(&l->texts, r->want) : PX_S("ok");
    struct px_str code = lg_text_of(&l->texts, r->code);
    bool fits = true;
    if (r->answer == LG_ANSWER_OK) {
        fits = r->want == 0 && r->has_id && r->received && r->status == 200;
    } else if (r->answer == LG_ANSWER_NO && r->status >= 400 && r->status < 500) {
        fits = r->want != 0 && r->want == r->code;
    } else if (r->status != 0 && r->status != 503) {
        fits = false;
    }
    if (!fits) {
        snprintf(why, cap, "wanted %.*s, got %d %.*s%s", PX_S_ARG(want), r->status, PX_S_ARG(code),
                 r->answer == LG_ANSWER_OK && !r->has_id ? "without an event id" : "");
    }
    return fits;
}

static void count_answer(const struct lg_request *r, struct totals *t) {
    if (r->answer == LG_ANSWER_OK) {
        t->ok++;
    } else if (r->status >= 400 && r->status < 500) {
        t->refused++;
    } else if (r->status == 503) {
        t->unavailable++;
    } else {
        t->cut++;
    }
}

static void same_content(struct ledger *l, const struct lg_request *r, const struct lg_event *e) {
    const char *what = r->type != e->type                          ? "type"
                       : r->player != e->player                    ? "player"
                       : r->banner != e->banner                    ? "banner"
                       : r->eid != e->eid                          ? "client event id"
                       : r->received && r->received != e->received ? "time of arrival"
                                                                   : NULL;
    if (what) {
        lg_violation(l, LG_CONTENT_DIFFERS, (struct lg_about){.request = r, .event = e},
                     "the log holds another %s than was sent or answered", what);
    }
}

/* Every id that was given out, against the log. */
static void check_request(struct ledger *l, const struct lg_request *r) {
    const struct lg_event *e = r->has_id ? lg_event_of(l, &r->id) : NULL;
    if (r->answer == LG_ANSWER_OK && r->has_id && !e && l->foreign_missing > 0) {
        l->unseen++; /* may be one of those that neither the log nor a raw row shows any more */
        return;
    }
    if (r->answer == LG_ANSWER_OK && r->has_id && !e) {
        lg_violation(l, LG_ACKED_LOST, (struct lg_about){.request = r},
                     "request %lld was answered 200", (long long)r->n);
        return;
    }
    if (!e) {
        return;
    }
    if (r->answer == LG_ANSWER_NO) {
        lg_violation(l, LG_PHANTOM, (struct lg_about){.request = r, .event = e},
                     "request %lld was answered %d, as not stored", (long long)r->n, r->status);
    }
    if (!(e->flags & LG_FOREIGN)) {
        same_content(l, r, e);
    }
}

static bool of_a_book(const struct ledger *l, const struct lg_event *e) {
    struct px_str player = lg_text_of(&l->texts, e->player);
    for (size_t i = 0; i < l->conf.nbooks; i++) {
        struct px_str prefix = l->books[i].prefix;
        if (px_str_starts(player, prefix) && player.n > prefix.n && player.p[prefix.n] == '-') {
            return true;
        }
    }
    return false;
}

static struct lg_key content_key(uint32_t type, uint32_t player, uint32_t banner, uint32_t eid) {
    return (struct lg_key){.v = {type, player, banner, eid}};
}

/* The log may hold each content as often as it was sent and not answered "no". */
static void check_phantoms(struct ledger *l) {
    struct lg_table allowed = {.index = {0}};
    int64_t beside = 0;
    for (size_t i = 0; i < l->requests.n; i++) {
        const struct lg_request *r = lg_vec_at(&l->requests, i);
        if (r->answer != LG_ANSWER_NO) {
            lg_row(&allowed, content_key(r->type, r->player, r->banner, r->eid), NULL)->want++;
        }
    }
    for (size_t i = 0; i < l->places.rows.n; i++) {
        const struct lg_event *e = lg_event_no(l, (size_t)lg_row_at(&l->places, i)->want);
        if (e->want == LG_DEAD || (e->flags & LG_AGAIN)) {
            continue;
        }
        struct lg_row *row =
            lg_row_find(&allowed, content_key(e->type, e->player, e->banner, e->eid));
        if (!row && !of_a_book(l, e)) {
            beside++;
        } else if (!row || ++row->got > row->want) {
            lg_violation(l, LG_PHANTOM, (struct lg_about){.event = e},
                         row ? "sent less often than the log holds it" : "nobody sent it");
        }
    }
    lg_table_fini(&allowed);
    if (beside) {
        lg_note(l, "%lld records of the log are of senders without a book: not part of way 1",
                (long long)beside);
    }
}

void lg_way_book(struct ledger *l) {
    struct totals t = {0};
    char why[256];
    if (l->conf.nbooks == 0) {
        lg_note(l, "no book was given: what clients were told is not compared (way 1)");
        return;
    }
    for (size_t i = 0; i < l->requests.n; i++) {
        const struct lg_request *r = lg_vec_at(&l->requests, i);
        count_answer(r, &t);
        if (!answer_fits(l, r, why, sizeof why)) {
            lg_violation(l, LG_WRONG_ANSWER, (struct lg_about){.request = r}, "%s", why);
        }
        check_request(l, r);
    }
    check_phantoms(l);
    if (l->unseen) {
        lg_note(l, "%lld acknowledged events are neither in the log nor in a raw row any more",
                (long long)l->unseen);
    }
    px_buf_printf(&l->facts,
                  "book: %zu requests = %lld ok + %lld refused + %lld unavailable + %lld cut\n",
                  l->requests.n, (long long)t.ok, (long long)t.refused, (long long)t.unavailable,
                  (long long)t.cut);
}
