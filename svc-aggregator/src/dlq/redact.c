/* Which letters are of erased players. */
#include "redact.h"

#include "agg.h"
#include "letters.h"
#include "topic.h"

static enum px_code add(void *arg, const struct agg_entry *e, struct px_err *reterr) {
    return agg_erased_add(arg, px_str_c(e->kid), px_str_c(e->fingerprint), reterr);
}

enum px_code agg_redact_open(const struct agg *a, struct agg_redact *r, struct px_err *reterr) {
    *r = (struct agg_redact){.ring = {.n = 0}};
    agg_erased_init(&r->erased, &r->ring);
    if (!a->conf->erasure_keys[0]) {
        return PX_OK;
    }
    struct agg_erase_topic t = {
        .kafka = &a->conf->kafka, .client_id = a->client_id, .topic = a->erasures};
    struct agg_erase_reading reading = {.each = add, .arg = &r->erased};
    enum px_code rc = px_keyring_load("Erasure:KeyFile", a->conf->erasure_keys, &r->ring, reterr);
    return rc == PX_OK ? agg_erase_topic_read(&t, &reading, reterr) : rc;
}

void agg_redact_close(struct agg_redact *r) {
    agg_erased_fini(&r->erased);
    px_keyring_fini(&r->ring);
}

bool agg_redact_letter(const struct agg_redact *r, const struct agg_letter *l,
                       struct px_arena *arena) {
    struct px_event e;
    if (agg_erased_count(&r->erased) == 0) {
        return false;
    }
    if (l->d.key.n > 0 && agg_erased_has(&r->erased, l->d.key)) {
        return true;
    }
    return l->body.p && px_event_read(NULL, l->body, arena, &e, NULL) == PX_OK &&
           agg_erased_has(&r->erased, e.player_id);
}
