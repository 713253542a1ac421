/* Outcomes of a batch and its answer. Memory of one batch is one allocation, freed with the last
 * report about it, which may come after the answer. */
#include "batch.h"

#include <px/jsonw.h>
#include <px/mem.h>
#include <px/num.h>

#include <stdio.h>

struct ing_batch *ing_batch_new(uint32_t n, px_us received) {
    struct ing_batch *b = px_alloc(sizeof *b + n * sizeof b->items[0]);
    if (b) {
        b->n = b->waiting = n;
        b->refs = 1;
        b->received = received;
    }
    return b;
}

void ing_batch_unref(struct ing_batch *b) {
    px_assert(b->refs > 0);
    if (--b->refs == 0) {
        px_free(b);
    }
}

static bool batch_done(struct ing_batch *b, uint32_t i, enum ing_item_status status) {
    px_assert(i < b->n && b->items[i].status == ING_ITEM_WAITING && b->waiting > 0);
    b->items[i].status = status;
    return --b->waiting == 0;
}

bool ing_batch_accept(struct ing_batch *b, uint32_t i, const struct ing_ack *ack) {
    px_assert(i < b->n);
    b->items[i].ack = *ack;
    return batch_done(b, i, ING_ITEM_ACCEPTED);
}

bool ing_batch_retry(struct ing_batch *b, uint32_t i, enum ing_busy why) {
    b->items[i].code = ing_busy_code(why);
    b->retry_after = b->retry_after > ing_busy_retry(why) ? b->retry_after : ing_busy_retry(why);
    return batch_done(b, i, ING_ITEM_RETRY);
}

bool ing_batch_reject(struct ing_batch *b, uint32_t i, enum px_reason why, const char *field) {
    b->items[i].code = px_reason_code(why);
    b->items[i].message = px_reason_text(why);
    snprintf(b->items[i].field, sizeof b->items[i].field, "%s", field);
    return batch_done(b, i, ING_ITEM_REJECTED);
}

bool ing_batch_duplicate(struct ing_batch *b, uint32_t i, uint32_t first) {
    px_assert(first < i);
    b->items[i].first = first;
    b->items[i].id = b->items[first].id;
    return batch_done(b, i, ING_ITEM_DUPLICATE);
}

static const struct ing_item *batch_first(const struct ing_batch *b, const struct ing_item *item) {
    while (item->status == ING_ITEM_DUPLICATE) {
        item = &b->items[item->first];
    }
    return item;
}

/* A duplicate stands and falls with the item it repeats. */
static const struct ing_item *batch_fate(const struct ing_batch *b, const struct ing_item *item) {
    const struct ing_item *first = batch_first(b, item);

    return first->status == ING_ITEM_ACCEPTED ? item : first;
}

static void batch_item(struct px_jsonw *w, const struct ing_batch *b, uint32_t i) {
    static const char *const names[] = {"waiting", "accepted", "duplicate", "rejected", "retry"};
    const struct ing_item *item = &b->items[i], *fate = batch_fate(b, item);
    char id[PX_UUID_TEXT];

    px_uuid_fmt(&item->id, id);
    px_jw_obj(w);
    px_jw_ki64(w, "index", i);
    px_jw_kstr(w, "eventId", (struct px_str){.p = id, .n = sizeof id});
    px_jw_kc(w, "status", names[fate->status]);
    if (item->client_n) {
        px_jw_kstr(w, "clientEventId", (struct px_str){.p = item->client_id, .n = item->client_n});
    }
    if (fate->code) {
        px_jw_kc(w, "code", fate->code);
    }
    if (fate->field[0]) {
        px_jw_kc(w, "field", fate->field);
    }
    if (fate->message) {
        px_jw_kc(w, "message", fate->message);
    }
    const struct ing_item *first = batch_first(b, item);
    if (first->status == ING_ITEM_ACCEPTED) {
        ing_answer_retimed(w, first->retimed);
    }
    ing_answer_ack(w, &first->ack);
    px_jw_obj_end(w);
}

struct px_http_reply ing_batch_answer(const struct ing_batch *b, struct ing_answer *a) {
    int64_t accepted = 0, rejected = 0;
    char at[PX_TIME_TEXT];

    for (uint32_t i = 0; i < b->n; i++) {
        accepted += b->items[i].status == ING_ITEM_ACCEPTED;
        rejected += batch_fate(b, &b->items[i])->status == ING_ITEM_REJECTED;
    }
    ing_answer_start(a);
    struct px_jsonw w = px_jsonw_on(&a->body);
    px_jw_obj(&w);
    px_jw_ki64(&w, "accepted", accepted);
    px_jw_ki64(&w, "rejected", rejected);
    px_jw_kstr(&w, "receivedAt", (struct px_str){.p = at, .n = px_fmt_instant(b->received, at)});
    px_jw_key(&w, "results");
    px_jw_arr(&w);
    for (uint32_t i = 0; i < b->n; i++) {
        batch_item(&w, b, i);
    }
    px_jw_arr_end(&w);
    px_jw_obj_end(&w);
    return ing_answer_json(a,
                           b->retry_after ? ing_retry_after(b->retry_after, &b->items[0].id) : 0);
}
