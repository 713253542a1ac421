/* Records of the log become events, records of the dead-letter topic letters. Decoding is libcore's
 * codec; what an event then counts as is ledger_rules.c. */
#include "ledger_kafka.h"
#include "ledger_report.h"

#include <px/event_avro.h>
#include <px/mem.h>
#include <px/validate.h>

#include <stdio.h>

struct decoding {
    struct ledger *l;
    struct px_arena arena;
    struct px_buf text;
    int64_t n;
};

uint64_t lg_hash(struct px_str s) {
    return px_siphash(3, 4, s);
}

struct lg_key lg_id_key(const struct px_uuid *id) {
    struct lg_key k = {.v = {0}};
    memcpy(k.v, id->b, sizeof id->b);
    return k;
}

struct lg_event *lg_event_of(const struct ledger *l, const struct px_uuid *id) {
    const struct lg_row *row = lg_row_find(&l->ids, lg_id_key(id));
    return row ? lg_event_no(l, (size_t)row->want) : NULL;
}

struct lg_event *lg_event_at(const struct ledger *l, int32_t partition, int64_t offset) {
    const struct lg_row *row = lg_row_find(&l->places, (struct lg_key){.v = {partition, offset}});
    return row ? lg_event_no(l, (size_t)row->want) : NULL;
}

static void dead(struct lg_event *to, enum px_reason reason, struct px_str value) {
    to->want = LG_DEAD;
    to->reason = (uint8_t)reason;
    to->content = lg_hash(value);
}

static void fill(struct decoding *d, struct lg_event *to, const struct px_event *e,
                 const struct px_event_type *type) {
    struct lg_texts *t = &d->l->texts;
    px_buf_reset(&d->text);
    px_event_metadata(e, &d->text);
    px_assert(!d->text.failed);
    to->id = e->id;
    to->received = e->received_at;
    to->occurred = e->occurred_at;
    to->content = lg_hash(px_buf_view(&d->text));
    to->player = lg_text(t, e->player_id);
    to->type = lg_text(t, e->event_type);
    to->banner = lg_text(t, e->banner_tag);
    to->eid = lg_text(t, e->client_event_id);
    to->traffic = lg_traffic(t, e->traffic_class, e->traffic_reason);
    to->flags |= type->dedupe == PX_DEDUPE_EVENT_ID ? LG_BY_ID : 0;
}

/* Dead, or all fields filled in. */
static void decode(struct decoding *d, struct lg_event *to, struct px_str value) {
    struct px_event e;
    const struct px_event_type *type = NULL;
    struct px_issue issue = {.reason = PX_REASON_BAD_AVRO};
    struct px_str body;
    uint32_t id = 0;

    px_arena_reset(&d->arena);
    if (!value.p) {
        dead(to, PX_REASON_NULL_MESSAGE, PX_S(""));
    } else if (!px_wire_get(value, &id, &body)) {
        dead(to, PX_REASON_BAD_FRAME, value);
    } else if (id != d->l->conf.event_schema) {
        dead(to, PX_REASON_UNKNOWN_SCHEMA, value);
    } else if (px_event_read(NULL, body, &d->arena, &e, NULL) != PX_OK) {
        dead(to, PX_REASON_BAD_AVRO, value);
    } else if (!px_event_check(d->l->catalog, &e, &type, &issue)) {
        dead(to, issue.reason, value);
    } else if (e.received_at > PX_COL_TIME_MAX || e.occurred_at > PX_COL_TIME_MAX) {
        dead(to, PX_REASON_OUT_OF_RANGE, value);
    } else {
        fill(d, to, &e, type);
    }
}

static bool same_record(const struct lg_event *a, const struct lg_event *b) {
    return a->received == b->received && a->occurred == b->occurred && a->content == b->content &&
           a->player == b->player && a->type == b->type && a->banner == b->banner &&
           a->eid == b->eid && a->traffic == b->traffic;
}

struct lg_key lg_copy_key(const struct px_uuid *id, int32_t partition) {
    struct lg_key k = lg_id_key(id);
    k.v[2] = partition;
    return k;
}

static void first_here(struct ledger *l, const struct lg_event *e, int64_t place) {
    bool is_new = false;
    struct lg_row *row = lg_row(&l->copies, lg_copy_key(&e->id, e->partition), &is_new);
    row->want = is_new ? place : row->want;
}

/* A producer that gave up on events sends others again, so a copy is in order: it counts as what it
 * is, a repeat or a duplicate. Another record under an id that is taken is not. */
static void take_id(struct ledger *l, const size_t place) {
    struct lg_event *e = lg_event_no(l, place);
    bool is_new = false;
    struct lg_row *id = lg_row(&l->ids, lg_id_key(&e->id), &is_new);
    id->got++;
    if (is_new) {
        id->want = (int64_t)place;
        return;
    }
    const struct lg_event *first = lg_event_no(l, (size_t)id->want);
    e->flags |= LG_AGAIN;
    l->ncopies++;
    first_here(l, first, id->want);
    first_here(l, e, (int64_t)place);
    if (!same_record(first, e)) {
        lg_violation(l, LG_ID_REUSED, (struct lg_about){.event = e},
                     "partition %d offset %lld has it, too", first->partition,
                     (long long)first->offset);
    }
}

static void take_event(void *arg, const struct lg_record *r) {
    struct decoding *d = arg;
    struct ledger *l = d->l;
    l->events.size = sizeof(struct lg_event);
    size_t place = l->events.n;
    struct lg_event *e = lg_vec_add(&l->events);
    e->partition = r->partition;
    e->offset = r->offset;
    decode(d, e, r->value);
    lg_row(&l->places, (struct lg_key){.v = {r->partition, r->offset}}, NULL)->want =
        (int64_t)place;
    l->parts[r->partition].records++;
    if (++d->n % 250000 == 0) {
        lg_progress(l, "%lld records read", (long long)d->n);
    }
}

/* Every event id and the record that bears it. One that was dead by its letter gives way to the
 * copy that a replay wrote; without any it bears its id itself. Once, when all letters are known.
 */
static void take_ids(struct ledger *l) {
    size_t n = l->events.n;
    for (size_t i = 0; i < n; i++) {
        if (lg_event_no(l, i)->want != LG_DEAD) {
            take_id(l, i);
        }
    }
    for (size_t i = 0; i < n; i++) {
        const struct lg_event *e = lg_event_no(l, i);
        if (e->want == LG_DEAD && e->player && !lg_row_find(&l->ids, lg_id_key(&e->id))) {
            take_id(l, i);
        }
    }
}

static bool names_a_book(const struct ledger *l, struct px_str payload) {
    for (size_t i = 0; i < l->conf.nbooks; i++) {
        struct px_str prefix = l->books[i].prefix;
        if (payload.n && memmem(payload.p, payload.n, prefix.p, prefix.n)) {
            return true;
        }
    }
    return false;
}

/* What its payload says, when it is an event: a record that decodes is compared by that. */
static void take_content(struct decoding *d, const struct px_dead_letter *letter,
                         struct lg_letter *to) {
    struct px_event e;
    struct px_str body;
    uint32_t id = 0;
    px_arena_reset(&d->arena);
    if (px_wire_get(letter->payload, &id, &body) && id == d->l->conf.event_schema &&
        px_event_read(NULL, body, &d->arena, &e, NULL) == PX_OK) {
        px_buf_reset(&d->text);
        px_event_metadata(&e, &d->text);
        px_assert(!d->text.failed);
        to->event = lg_hash(px_buf_view(&d->text));
        to->id = e.id;
    }
}

static void take_letter(void *arg, const struct lg_record *r) {
    struct decoding *d = arg;
    struct ledger *l = d->l;
    struct px_dead_letter letter;
    bool is_new = false;
    if (px_dead_letter_read(r->value, l->conf.letter_schema, &letter, NULL) != PX_OK) {
        lg_note(l, "DLQ partition %d offset %lld is not a dead letter", r->partition,
                (long long)r->offset);
        return;
    }
    l->letters.size = sizeof(struct lg_letter);
    int64_t place = (int64_t)l->letters.n;
    struct lg_letter *to = lg_vec_add(&l->letters);
    *to = (struct lg_letter){.offset = letter.offset,
                             .partition = letter.partition,
                             .at_offset = r->offset,
                             .at_partition = r->partition,
                             .reason = lg_text(&l->texts, letter.reason),
                             .topic = lg_text(&l->texts, letter.topic),
                             .length = (uint32_t)letter.payload.n,
                             .of_book = names_a_book(l, letter.payload),
                             .content = lg_hash(letter.payload)};
    take_content(d, &letter, to);
    if (letter.topic.n && px_str_is(letter.topic, l->conf.topic)) {
        struct lg_row *row =
            lg_row(&l->by_letter, (struct lg_key){.v = {letter.partition, letter.offset}}, &is_new);
        row->got++;
        row->want = is_new ? place : row->want;
    }
}

/* --- both topics ------------------------------------------------------------------------------ */

/* What was read of the dead letters is not read again. */
static void go_on_behind(struct ledger *l, struct lg_ends *ends) {
    int64_t *next = px_calloc2((size_t)ends->n, sizeof *next);
    px_assert(next);
    for (size_t p = 0; p < (size_t)ends->n; p++) {
        next[p] = ends->high[p];
        ends->low[p] = p < l->ndlq ? l->dlq_next[p] : ends->low[p];
    }
    px_free(l->dlq_next);
    l->dlq_next = next;
    l->ndlq = (size_t)ends->n;
}

static enum px_code read_dlq(struct ledger *l, struct lg_kafka *k, struct decoding *d,
                             struct px_err *reterr) {
    struct lg_ends *ends = px_alloc(sizeof *ends);
    px_assert(ends);
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = lg_kafka_ends(k, l->conf.dlq, ends, &err);
    if (rc == PX_NOT_FOUND) {
        lg_note(l, "%s: dead letters were not looked at (--dlq names another topic)", err.msg);
        px_free(ends);
        return PX_OK;
    }
    if (rc == PX_OK) {
        l->dlq_found = true;
        go_on_behind(l, ends);
        rc = lg_kafka_read(k, l->conf.dlq, ends, take_letter, d, &err);
    }
    px_free(ends);
    if (rc != PX_OK && reterr) {
        *reterr = err;
    }
    return rc;
}

static void keep_ends(struct ledger *l, const struct lg_ends *ends) {
    if ((size_t)ends->n != l->nparts) {
        px_free(l->parts);
        l->nparts = (size_t)ends->n;
        l->parts = px_calloc2(l->nparts, sizeof *l->parts);
        px_assert(l->parts);
    }
    for (size_t p = 0; p < l->nparts; p++) {
        l->parts[p].low = ends->low[p];
        l->parts[p].high = ends->high[p];
    }
}

static enum px_code identity(struct ledger *l, struct lg_kafka *k, struct px_err *reterr) {
    if (l->conf.log_id) {
        snprintf(l->log_id, sizeof l->log_id, "%s", l->conf.log_id);
        return PX_OK;
    }
    return lg_kafka_cluster(k, l->log_id, sizeof l->log_id, reterr);
}

static enum px_code ends_of(struct ledger *l, struct lg_kafka *k, struct lg_ends *ends,
                            struct px_err *reterr) {
    enum px_code rc = identity(l, k, reterr);
    if (rc == PX_OK) {
        rc = lg_kafka_ends(k, l->conf.topic, ends, reterr);
    }
    if (rc == PX_OK) {
        keep_ends(l, ends);
    }
    return rc;
}

enum px_code lg_log_ends(struct ledger *l, struct px_err *reterr) {
    struct lg_kafka *k = NULL;
    struct lg_ends *ends = px_alloc(sizeof *ends);
    px_assert(ends);
    enum px_code rc = lg_kafka_open(l->conf.kafka, l->conf.kafka_config, &k, reterr);
    rc = rc == PX_OK ? ends_of(l, k, ends, reterr) : rc;
    lg_kafka_close(k);
    px_free(ends);
    return rc;
}

static void count_up(struct ledger *l) {
    int64_t held = 0, span = 0;
    for (size_t p = 0; p < l->nparts; p++) {
        held += l->parts[p].records;
        span += l->parts[p].high - l->parts[p].low;
    }
    px_buf_printf(
        &l->facts,
        "log %s, topic %s: %zu partitions, %lld offsets, %lld records; %zu dead letters\n",
        l->log_id, l->conf.topic, l->nparts, (long long)span, (long long)held, l->letters.n);
    if (l->ncopies) {
        px_buf_printf(&l->facts, "copies: %lld records repeat the event id of another one\n",
                      (long long)l->ncopies);
    }
}

struct session { /* one connection and what decoding needs */
    struct lg_kafka *k;
    struct decoding d;
    struct lg_ends *ends;
};

static enum px_code session_open(struct session *s, struct ledger *l, struct px_err *reterr) {
    *s = (struct session){.d = {.l = l}, .ends = px_alloc(sizeof *s->ends)};
    px_assert(s->ends);
    px_arena_init(&s->d.arena, (size_t)64 << 20);
    px_buf_init(&s->d.text, (size_t)16 << 20);
    return lg_kafka_open(l->conf.kafka, l->conf.kafka_config, &s->k, reterr);
}

static void session_close(struct session *s) {
    lg_kafka_close(s->k);
    px_arena_fini(&s->d.arena);
    px_buf_fini(&s->d.text);
    px_free(s->ends);
}

static enum px_code read_both(struct session *s, struct px_err *reterr) {
    struct ledger *l = s->d.l;
    enum px_code rc = lg_kafka_read(s->k, l->conf.topic, s->ends, take_event, &s->d, reterr);
    rc = rc == PX_OK ? read_dlq(l, s->k, &s->d, reterr) : rc;
    if (rc == PX_OK) {
        lg_letters_apply(l);
    }
    return rc;
}

enum px_code lg_log_read(struct ledger *l, struct px_err *reterr) {
    PX_DEFER(session_close) struct session s;
    enum px_code rc = session_open(&s, l, reterr);
    rc = rc == PX_OK ? ends_of(l, s.k, s.ends, reterr) : rc;
    return rc == PX_OK ? read_both(&s, reterr) : rc;
}

/* From where reading ended to where SQL stands; false: nothing is missing. */
static bool what_came_after(struct ledger *l, struct lg_ends *ends) {
    bool any = false;
    for (size_t i = 0; i < l->nparts; i++) {
        struct lg_part *p = &l->parts[i];
        bool known = i < (size_t)ends->n && p->has_offset && p->next > p->high;
        int64_t end = known && p->next < ends->high[i] ? p->next : known ? ends->high[i] : p->high;
        ends->low[i] = p->high;
        ends->high[i] = p->high = end > p->high ? end : p->high;
        any = any || ends->high[i] > ends->low[i];
    }
    ends->n = (int32_t)l->nparts;
    return any;
}

enum px_code lg_log_more(struct ledger *l, struct px_err *reterr) {
    enum px_code rc = PX_OK;
    for (size_t i = 0; i < l->nparts; i++) {
        if (l->parts[i].has_offset && l->parts[i].next > l->parts[i].high) {
            PX_DEFER(session_close) struct session s;
            rc = session_open(&s, l, reterr);
            rc = rc == PX_OK ? lg_kafka_ends(s.k, l->conf.topic, s.ends, reterr) : rc;
            if (rc == PX_OK && what_came_after(l, s.ends)) {
                rc = read_both(&s, reterr);
            }
            break;
        }
    }
    if (rc == PX_OK) {
        take_ids(l);
        count_up(l);
    }
    return rc;
}
