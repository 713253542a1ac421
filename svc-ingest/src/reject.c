/* Refused requests: counted by reason and, within a rate, recorded as dead letters. Best effort: a
 * refusal is answered whether or not it could be recorded. */
#include "handle.h"

#include <px/event_avro.h>

#include <string.h>

#define REJECT_EXCERPT_MAX 512

/* What looks like personal data must not reach the log through the back door: neither what was
 * refused for it, nor what stands in a member nobody looked at. */
static bool reject_is_personal(const struct px_verdict *v, struct px_str payload) {
    for (size_t i = 0; i < v->nissues; i++) {
        enum px_reason why = v->issues[i].reason;
        if (why == PX_REASON_EMAIL_ADDRESS || why == PX_REASON_CARD_NUMBER) {
            return true;
        }
    }
    return v->nissues == PX_MAX_ISSUES || ing_reject_shows_personal(payload);
}

static bool reject_ends_piece(char c) {
    return strchr("&=?;,:\"{}[]()<>/", c) != NULL;
}

bool ing_reject_shows_personal(struct px_str s) {
    size_t from = 0;

    for (size_t i = 0; i <= s.n; i++) {
        if (i < s.n && (s.p[i] == '@' || (s.p[i] == '4' && i + 1 < s.n && s.p[i + 1] == '0' &&
                                          i > 0 && s.p[i - 1] == '%'))) {
            return true;
        }
        if (i == s.n || reject_ends_piece(s.p[i])) {
            if (px_looks_like_card((struct px_str){.p = s.p + from, .n = i - from})) {
                return true;
            }
            from = i + 1;
        }
    }
    return false;
}

static const struct ing_topics *reject_topics(const struct ing_worker *w,
                                              const struct px_event_type *type) {
    for (size_t i = 0; type && i < px_catalog_families(w->world->catalog); i++) {
        if (px_catalog_family(w->world->catalog, i) == type->family) {
            return &w->topics[i];
        }
    }
    return &w->topics[0];
}

static bool reject_record(struct ing_worker *w, const struct px_event_type *type,
                          const struct px_verdict *v, struct px_str payload) {
    const struct px_issue *first = &v->issues[0];
    struct px_str kept = {.p = payload.p,
                          .n = payload.n > REJECT_EXCERPT_MAX ? REJECT_EXCERPT_MAX : payload.n};
    bool personal = reject_is_personal(v, kept);

    kept.n = personal ? 0 : kept.n;
    struct px_dead_letter letter = {.reason = px_str_c(px_reason_code(first->reason)),
                                    .field = px_str_c(first->field),
                                    .detail = personal ? PX_S("not kept: may be personal data")
                                                       : PX_S(""),
                                    .at = px_wall(w->world->clock),
                                    .service = PX_S("svc-ingest"),
                                    .version = px_str_c(px_version()),
                                    .partition = -1,
                                    .offset = -1,
                                    .payload = kept,
                                    .payload_bytes = kept.n < payload.n ? (int64_t)payload.n : 0};
    const struct ing_topics *to = reject_topics(w, type);
    px_buf_reset(&w->value);
    px_dead_letter_write(&letter, to->ids.dead, &w->value);
    struct px_record record = {.value = px_buf_view(&w->value), .tag = ING_TAG_DLQ};
    return px_buf_ok(&w->value, NULL) == PX_OK &&
           px_producer_send(w->producer, to->dead, &record, NULL) == PX_OK;
}

void ing_reject(struct ing_worker *w, const struct px_event_type *type, const struct px_verdict *v,
                struct px_str payload) {
    px_assert(v->nissues > 0);
    px_count(w->shard, ING_M_REJECTED, v->issues[0].reason, 0, 1);
    if (!ing_bucket_take(&w->dlq_bucket, px_mono(w->world->clock))) {
        px_count(w->shard, ING_M_DLQ, ING_DLQ_LEFT_OUT, 0, 1);
    } else if (!reject_record(w, type, v, payload)) {
        px_count(w->shard, ING_M_DLQ, ING_DLQ_FAILED, 0, 1);
    }
}
