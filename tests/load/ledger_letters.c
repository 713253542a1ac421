/* Way 5: dead letters against the records they stand for, and against the refused requests of the
 * book. */
#include "ledger_report.h"

#include <px/validate.h>

static const struct lg_letter *letter_of(const struct ledger *l, const struct lg_event *e) {
    const struct lg_row *row =
        lg_row_find(&l->by_letter, (struct lg_key){.v = {e->partition, e->offset}});
    return row ? lg_vec_at(&l->letters, (size_t)row->want) : NULL;
}

/* --- records that are dead although they are in order ----------------------------------------- */

static struct lg_key type_key(const struct lg_event *e) {
    return (struct lg_key){.v = {e->partition, e->type}};
}

/* From which offset on a partition's reader knew a type: that of the first record that is in order
 * and has no letter which says otherwise. */
static void known_since(const struct ledger *l, uint32_t unknown, struct lg_table *ret) {
    for (size_t i = 0; i < l->places.rows.n; i++) {
        const struct lg_event *e = lg_event_no(l, (size_t)lg_row_at(&l->places, i)->want);
        const struct lg_letter *d = e->player ? letter_of(l, e) : NULL;
        bool is_new = false;
        if (e->player == 0 || (d && d->reason == unknown)) {
            continue;
        }
        struct lg_row *row = lg_row(ret, type_key(e), &is_new);
        row->want = is_new || e->offset < row->want ? e->offset : row->want;
    }
}

/* A record that today's rules accept was dead all the same when SQL refused it, or when the catalog
 * did not have its type yet: only its letter knows. No other reason is believed, because nothing
 * but the catalog changes what a record means; and a type does not become unknown again, so that a
 * letter behind a record of its type that was taken is a wrong one. */
void lg_letters_apply(struct ledger *l) {
    uint32_t refused = lg_text(&l->texts, px_str_c(px_reason_code(PX_REASON_REFUSED_BY_SQL)));
    uint32_t unknown = lg_text(&l->texts, px_str_c(px_reason_code(PX_REASON_UNKNOWN_TYPE)));
    struct lg_table known = {.index = {0}};
    known_since(l, unknown, &known);
    for (size_t i = 0; i < l->by_letter.rows.n; i++) {
        const struct lg_row *row = lg_row_at(&l->by_letter, i);
        const struct lg_letter *d = lg_vec_at(&l->letters, (size_t)row->want);
        struct lg_event *e = lg_event_at(l, d->partition, d->offset);
        if (!e || e->want == LG_DEAD) {
            continue;
        }
        const struct lg_row *since = lg_row_find(&known, type_key(e));
        if (d->reason == refused) {
            e->want = LG_DEAD;
            e->reason = PX_REASON_REFUSED_BY_SQL;
        } else if (d->reason == unknown && (!since || e->offset < since->want)) {
            e->want = LG_DEAD;
            e->reason = PX_REASON_UNKNOWN_TYPE;
        }
    }
    lg_table_fini(&known);
}

/* --- way 5 ------------------------------------------------------------------------------------ */

/* Of a record that decoded its attributes were kept, not its bytes. */
static bool same_bytes(const struct lg_letter *d, const struct lg_event *e) {
    if (d->length == LG_EXCERPT) {
        return true;
    }
    return e->player ? d->event == e->content && memcmp(&d->id, &e->id, sizeof e->id) == 0
                     : d->content == e->content;
}

static void check_dead(struct ledger *l, const struct lg_event *e) {
    const struct lg_letter *d = letter_of(l, e);
    const char *reason = px_reason_code((enum px_reason)e->reason);
    struct lg_about about = {.event = e, .letter = d};
    if (e->flags & LG_STORED) {
        lg_violation(l, LG_DEAD_AND_COUNTED, about, "partition %d offset %lld (%s) has a row",
                     e->partition, (long long)e->offset, reason);
    }
    if (!(e->flags & LG_APPLIED) || (e->flags & LG_GAP)) {
        return;
    }
    if (!d) {
        lg_violation(l, LG_DEAD_LETTER_MISSING, about, "partition %d offset %lld: %s", e->partition,
                     (long long)e->offset, reason);
        return;
    }
    struct px_str said = lg_text_of(&l->texts, d->reason);
    bool bytes = same_bytes(d, e);
    if (!px_str_is(said, reason) || !bytes) {
        lg_violation(l, LG_DEAD_LETTER_DIFFERS, about,
                     "partition %d offset %lld: the letter says %.*s, its record shows %s%s",
                     e->partition, (long long)e->offset, PX_S_ARG(said), reason,
                     bytes ? "" : ", and holds other bytes");
    }
}

/* A letter whose origin is this topic: its record must be there, and be dead. */
static void check_letter(struct ledger *l, const struct lg_letter *d) {
    const struct lg_event *e = lg_event_at(l, d->partition, d->offset);
    bool known = d->partition >= 0 && (size_t)d->partition < l->nparts;
    const struct lg_part *p = known ? &l->parts[d->partition] : NULL;
    if (e && e->want == LG_DEAD) {
        return;
    }
    if (l->others.n > 0 || l->cuts.n > 0 || (p && d->offset < p->low)) {
        return; /* may be of another log: letters do not name it */
    }
    lg_violation(l, LG_DEAD_LETTER_PHANTOM, (struct lg_about){.event = e, .letter = d},
                 "partition %d offset %lld %s", d->partition, (long long)d->offset,
                 e ? "is in order" : "is no record of the log");
}

/* Refused requests: ingest writes a letter for each, up to a rate, and never more. Those whose
 * answer was lost may have been refused too. Letters are told apart from other senders' by the
 * book's prefix in their payload, which is left out when it may hold personal data. */
static void check_rejects(struct ledger *l, int64_t letters, int64_t of_books) {
    int64_t refused = 0, perhaps = 0;
    for (size_t i = 0; i < l->requests.n; i++) {
        const struct lg_request *r = lg_vec_at(&l->requests, i);
        bool answered = r->answer == LG_ANSWER_NO && r->status >= 400 && r->status < 500;
        refused += answered ? 1 : 0;
        perhaps += !answered && r->want != 0 && r->answer != LG_ANSWER_OK ? 1 : 0;
    }
    bool exact = l->conf.rejects_exact;
    if (of_books > refused + perhaps || (exact && letters < refused) ||
        (exact && letters > refused + perhaps)) {
        lg_violation(
            l, LG_REJECTS_DIFFER, (struct lg_about){0},
            "%lld requests were refused (and perhaps %lld more); the DLQ holds %lld letters "
            "of refused requests, %lld of them surely of these",
            (long long)refused, (long long)perhaps, (long long)letters, (long long)of_books);
    }
}

void lg_way_letters(struct ledger *l) {
    int64_t dead = 0, valid = 0, rejects = 0, of_books = 0, of_log = 0;
    for (size_t i = 0; i < l->places.rows.n; i++) {
        const struct lg_event *e = lg_event_no(l, (size_t)lg_row_at(&l->places, i)->want);
        if (e->want == LG_DEAD) {
            dead++;
            valid += e->player ? 1 : 0;
            if (l->dlq_found) {
                check_dead(l, e);
            }
        }
    }
    for (size_t i = 0; i < l->letters.n; i++) {
        const struct lg_letter *d = lg_vec_at(&l->letters, i);
        if (d->topic == 0) {
            rejects++;
            of_books += d->of_book ? 1 : 0;
        } else if (px_str_is(lg_text_of(&l->texts, d->topic), l->conf.topic)) {
            of_log++;
            check_letter(l, d);
        }
    }
    if (l->conf.expect_dead >= 0 && dead != l->conf.expect_dead) {
        lg_violation(l, LG_DEAD_COUNT, (struct lg_about){0},
                     "%lld records cannot be counted, %lld were expected", (long long)dead,
                     (long long)l->conf.expect_dead);
    }
    if (l->conf.nbooks && l->dlq_found) {
        check_rejects(l, rejects, of_books);
    }
    px_buf_printf(
        &l->facts,
        "dead: %lld records, %lld of them valid today; %lld letters of this topic, %lld of "
        "refused requests\n",
        (long long)dead, (long long)valid, (long long)of_log, (long long)rejects);
    l->dead_valid = valid;
}
