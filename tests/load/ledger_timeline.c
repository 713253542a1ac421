/* The life of one event as far as anybody wrote it down: the client's book, the log, SQL, the dead
 * letters. Between the violations and their reader. */
#include "ledger_report.h"

#include <px/num.h>

static void instant(struct px_buf *out, px_us t) {
    char text[PX_TIME_TEXT];
    px_buf_add(out, text, px_fmt_instant(t, text));
}

static void content(const struct ledger *l, struct px_buf *out, const uint32_t part[4]) {
    for (int i = 0; i < 4; i++) {
        struct px_str s = lg_text_of(&l->texts, part[i]);
        px_buf_byte(out, ' ');
        px_buf_str(out, s.n ? s : PX_S("-"));
    }
}

static void request_lines(const struct ledger *l, const struct lg_request *r, struct px_buf *out) {
    static const char *const answers[] = {
        [LG_ANSWER_MAYBE] = "maybe", [LG_ANSWER_OK] = "ok", [LG_ANSWER_NO] = "no"};
    struct px_str want = r->want ? lg_text_of(&l->texts, r->want) : PX_S("ok");
    struct px_str code = lg_text_of(&l->texts, r->code);
    const char *file = l->books[r->book].file;

    px_buf_printf(out, "    book %s:%u request %lld sent ", file, r->line, (long long)r->n);
    instant(out, r->sent);
    px_buf_printf(out, " want %.*s:", PX_S_ARG(want));
    content(l, out, (const uint32_t[]){r->type, r->player, r->banner, r->eid});
    if (!r->ended) {
        px_buf_c(out, "\n    book no outcome was written\n");
        return;
    }
    px_buf_printf(out, "\n    book %s:%u answer %s %d %.*s at ", file, r->end_line,
                  answers[r->answer], r->status, PX_S_ARG(code));
    instant(out, r->ended);
    px_buf_byte(out, '\n');
}

static void event_line(const struct ledger *l, const struct lg_event *e, struct px_buf *out) {
    if (e->flags & LG_FOREIGN) {
        px_buf_c(out, "    log  not shown by this log\n");
    } else {
        px_buf_printf(out, "    log  partition %d offset %lld", e->partition, (long long)e->offset);
        if (e->want == LG_DEAD) {
            px_buf_c(out, " cannot be counted\n");
            return;
        }
        px_buf_c(out, " received ");
        instant(out, e->received);
        content(l, out, (const uint32_t[]){e->type, e->player, e->banner, e->eid});
        px_buf_printf(out, "; by the rules %s\n",
                      lg_disposition_name((enum lg_disposition)e->want));
    }
    px_buf_printf(out, "    sql  %s%s\n", e->flags & LG_STORED ? "events: " : "events: no row",
                  e->flags & LG_STORED ? lg_disposition_name((enum lg_disposition)e->got) : "");
}

static void letter_line(const struct ledger *l, const struct lg_letter *d, struct px_buf *out) {
    struct px_str reason = lg_text_of(&l->texts, d->reason);
    px_buf_printf(out, "    dlq  partition %d offset %lld: %.*s\n", d->at_partition,
                  (long long)d->at_offset, PX_S_ARG(reason));
}

void lg_timeline(const struct ledger *l, const struct lg_witness *w, struct px_buf *out) {
    const struct lg_row *asked = w->has_id ? lg_row_find(&l->by_answer, lg_id_key(&w->id)) : NULL;
    const struct lg_event *e = w->partition >= 0 ? lg_event_at(l, w->partition, w->offset) : NULL;
    int64_t request = w->request >= 0 ? w->request : asked ? asked->want : -1;

    e = e || !w->has_id ? e : lg_event_of(l, &w->id);
    if (w->has_id) {
        char id[PX_UUID_TEXT];
        px_uuid_fmt(&w->id, id);
        px_buf_printf(out, "    id   %.36s\n", id);
    }
    if (request >= 0) {
        request_lines(l, lg_vec_at(&l->requests, (size_t)request), out);
    }
    if (e) {
        event_line(l, e, out);
    } else if (w->has_id) {
        px_buf_c(out, "    log  no record\n");
    }
    const struct lg_row *letter =
        e ? lg_row_find(&l->by_letter, (struct lg_key){.v = {e->partition, e->offset}}) : NULL;
    if (letter && !(e->flags & LG_FOREIGN)) {
        letter_line(l, lg_vec_at(&l->letters, (size_t)letter->want), out);
    }
}
