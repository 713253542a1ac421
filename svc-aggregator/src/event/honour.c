/* The erasures as a batch sees them: a number that only grows says whether there are new ones, so
 * that a batch without any pays for nothing but a column of a row that it reads anyway. */
#include "honour.h"

#include "batch.h"
#include "settings.h"

#include <px/num.h>

void agg_honour_init(struct agg_honour *h, const char *key_file) {
    *h = (struct agg_honour){.key_file = key_file ? key_file : ""};
    agg_erased_init(&h->erased, &h->ring);
}

void agg_honour_fini(struct agg_honour *h) {
    agg_erased_fini(&h->erased);
    px_keyring_fini(&h->ring);
}

enum px_code agg_honour_attach(struct agg_honour *h, struct px_sql *s, struct px_err *reterr) {
    agg_erased_reset(&h->erased);
    h->number = 0;
    enum px_code rc = agg_stmt(s, PX_ST_BOUNDS, &h->bounds, reterr);
    return rc == PX_OK ? agg_stmt(s, PX_ST_ERASURES, &h->list, reterr) : rc;
}

void agg_honour_detach(struct agg_honour *h) {
    h->bounds = h->list = NULL; /* closing the connection frees them */
}

static enum px_code load(struct agg_honour *h, struct px_err *reterr) {
    px_bind_i64(h->list, 0, h->number);
    enum px_code rc = px_stmt_run(h->list, reterr);
    while (rc == PX_OK && (rc = px_stmt_next(h->list, reterr)) == PX_OK) {
        int64_t number = px_col_i64(h->list, 0);
        rc = agg_erased_add(&h->erased, px_col_text(h->list, 1), px_col_text(h->list, 2), reterr);
        h->number = rc == PX_OK ? number : h->number;
    }
    px_stmt_end(h->list);
    return rc == PX_NO_ROW ? PX_OK : rc;
}

/* A key that the ring lacks may have been added to its file since: what was made with keys of
 * before is then read anew too, because their places may have changed. */
static enum px_code load_with_keys(struct agg_honour *h, struct px_err *reterr) {
    struct px_err err = PX_ERR_INIT;
    if (!h->key_file[0]) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "players were erased from this database: Erasure:KeyFile must name the "
                       "file of keys, or they would be counted anew");
    }
    if (h->ring.n > 0) {
        enum px_code rc = load(h, &err);
        if (rc != PX_CONFIG) {
            if (rc != PX_OK && reterr) {
                *reterr = err;
            }
            return rc;
        }
    }
    agg_erased_reset(&h->erased);
    h->number = 0;
    px_keyring_fini(&h->ring);
    enum px_code rc = px_keyring_load("Erasure:KeyFile", h->key_file, &h->ring, reterr);
    return rc == PX_OK ? load(h, reterr) : rc;
}

static enum px_code look(struct agg_honour *h, px_day *ret_floor, int64_t *ret_number,
                         struct px_err *reterr) {
    enum px_code rc = px_bind_text(h->bounds, 0, px_str_c(AGG_CLAIMS_FROM), reterr);
    rc = rc == PX_OK ? px_stmt_run(h->bounds, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_next(h->bounds, reterr) : rc;
    px_day day = 0;
    if (rc == PX_OK && !px_col_null(h->bounds, 0) &&
        !px_parse_date(px_col_text(h->bounds, 0), &day)) {
        rc = PX_FAIL(reterr, PX_SCHEMA,
                     "px_settings: %s is no day (YYYY-MM-DD): somebody wrote to it",
                     AGG_CLAIMS_FROM);
    }
    if (rc == PX_OK) {
        *ret_floor = day;
        *ret_number = px_col_i64(h->bounds, 1);
    }
    px_stmt_end(h->bounds);
    return rc;
}

enum px_code agg_honour_read(struct agg_honour *h, px_day *ret_floor, struct px_err *reterr) {
    int64_t number = 0;
    enum px_code rc = look(h, ret_floor, &number, reterr);
    return rc == PX_OK && number > h->number ? load_with_keys(h, reterr) : rc;
}

void agg_honour_mark(const struct agg_honour *h, const struct agg_slice *s) {
    for (size_t i = 0; i < s->n; i++) {
        struct agg_item *it = s->items[i];
        it->erased = !it->dead && agg_erased_has(&h->erased, it->event.player_id);
    }
}
