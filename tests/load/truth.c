/* What a correct pipeline has counted, from the acknowledged requests alone. The first of a natural
 * key and all that share an id were never under way together (order.c), so that their order here is
 * their order in the log. What may be stored without an answer makes a range of a sum. */
#include "load.h"
#include "table.h"

#include <px/jsonw.h>
#include <px/mem.h>
#include <px/num.h>

#include <stdlib.h>

enum truth_fate {
    TRUTH_NONE,
    TRUTH_COUNTED,
    TRUTH_REPEAT,
    TRUTH_DUPLICATE,
    TRUTH_CONFLICT,
    TRUTH_UNSURE, /* an earlier attempt may have been counted, on another day */
};

struct truth_type {
    uint64_t acked, counted, repeats, duplicates, conflicts, counted_max;
};

struct truth {
    const struct load_run *run;
    uint8_t *fate;       /* by request */
    struct table holder; /* by origin: the request that holds the id */
    struct table keys;   /* natural keys with their day */
    struct table maybes; /* by origin: the first request that may be stored unseen */
    px_day last;         /* of the run */
    struct truth_type types[LOAD_TYPES];
    uint64_t total_deposits, deposits_max, maybe, unsure;
    uint64_t states[LOAD_STATES], faults[LOAD_FAULTS];
};

/* --- judging ------------------------------------------------------------------------------------
 */

static bool truth_maybe_stored(const struct load_request *r) {
    return r->kind != LOAD_INVALID && (r->state == LOAD_UNKNOWN || r->state == LOAD_UNANSWERED ||
                                       r->state == LOAD_SENT || r->state == LOAD_STRANGE);
}

static uint64_t *truth_put(struct table *t, uint64_t key, bool *ret_new) {
    uint64_t *place = table_put(t, key, ret_new);
    px_assert(place); /* room was made before */
    return place;
}

/* First of its (day, type, player, banner)? */
static bool truth_claim(struct truth *t, const struct load_request *r, px_day day) {
    bool fresh;

    truth_put(&t->keys, (uint64_t)day << 40 | load_key(r), &fresh);
    return fresh;
}

/* Did an attempt with this id that may be stored perhaps come on an earlier day than ${r}? */
static bool truth_day_unsure(const struct truth *t, const struct load_request *r, px_day day) {
    const uint64_t *first = r->with_id ? table_get(&t->maybes, r->origin) : NULL;
    return first && !r->stamped && px_day_of(t->run->v[*first].at) != day;
}

static enum truth_fate truth_judge(struct truth *t, uint32_t i) {
    const struct load_request *r = &t->run->v[i];
    px_day day = px_day_of(load_event_time(&t->run->conf, r));
    bool fresh;

    if (r->with_id) {
        uint64_t *holder = truth_put(&t->holder, r->origin, &fresh);
        if (!fresh) {
            bool same = t->run->v[*holder].variant == r->variant;
            return same ? TRUTH_DUPLICATE : TRUTH_CONFLICT;
        }
        *holder = i;
    }
    if (!truth_claim(t, r, day)) {
        return TRUTH_REPEAT;
    }
    return truth_day_unsure(t, r, day) ? TRUTH_UNSURE : TRUTH_COUNTED;
}

static void truth_add(struct truth *t, uint32_t i) {
    const struct load_request *r = &t->run->v[i];
    struct truth_type *x = &t->types[r->type];
    enum truth_fate fate = truth_judge(t, i);
    bool first = fate == TRUTH_COUNTED || fate == TRUTH_UNSURE;

    t->fate[i] = (uint8_t)fate;
    x->acked++;
    x->counted += fate == TRUTH_COUNTED;
    x->counted_max += first;
    x->repeats += fate == TRUTH_REPEAT;
    x->duplicates += fate == TRUTH_DUPLICATE;
    x->conflicts += fate == TRUTH_CONFLICT;
    t->unsure += fate == TRUTH_UNSURE;
    t->total_deposits += r->type == 2 && (first || (fate == TRUTH_REPEAT && r->with_id));
}

/* One that may be stored could have been counted besides, unless its key was counted anyway. It was
 * received when it was sent or later, at the latest at the end of
 * the run. */
static void truth_add_maybe(struct truth *t, const struct load_request *r) {
    px_day from = px_day_of(load_event_time(&t->run->conf, r));
    px_day to = r->stamped ? from : t->last;

    t->maybe++;
    t->deposits_max += r->type == 2 && r->with_id && !table_get(&t->holder, r->origin);
    for (px_day day = from; day <= to; day++) {
        if (truth_claim(t, r, day)) {
            t->types[r->type].counted_max++;
            return;
        }
    }
}

static void truth_pass(struct truth *t, void (*each)(struct truth *, uint32_t)) {
    for (uint32_t i = 0; i < t->run->n; i++) {
        each(t, i);
    }
}

static void truth_tally(struct truth *t, uint32_t i) {
    const struct load_request *r = &t->run->v[i];
    bool fresh;

    t->states[r->state]++;
    if (r->kind == LOAD_INVALID) {
        t->faults[r->fault] += r->state == LOAD_REFUSED;
    } else if (truth_maybe_stored(r) && r->with_id) {
        uint64_t *first = truth_put(&t->maybes, r->origin, &fresh);
        *first = fresh ? i : *first;
    }
}

static void truth_pass_acked(struct truth *t, uint32_t i) {
    const struct load_request *r = &t->run->v[i];
    if (r->kind != LOAD_INVALID && r->state == LOAD_ACKED) {
        truth_add(t, i);
    }
}

static void truth_pass_maybe(struct truth *t, uint32_t i) {
    if (truth_maybe_stored(&t->run->v[i])) {
        truth_add_maybe(t, &t->run->v[i]);
    }
}

static enum px_code truth_build(struct truth *t, struct px_err *reterr) {
    size_t n = (size_t)t->run->n + 1;

    t->fate = px_alloc(n);
    if (!t->fate || table_reserve(&t->holder, n) || table_reserve(&t->keys, n) ||
        table_reserve(&t->maybes, n)) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the truth of %zu requests", n);
    }
    t->last = px_day_of(t->run->ended);
    truth_pass(t, truth_tally);
    truth_pass(t, truth_pass_acked);
    truth_pass(t, truth_pass_maybe);
    t->deposits_max += t->total_deposits;
    return PX_OK;
}

static void truth_fini(struct truth *t) {
    px_free(t->fate);
    table_fini(&t->holder);
    table_fini(&t->keys);
    table_fini(&t->maybes);
}

/* --- writing ------------------------------------------------------------------------------------
 */

/* Counted events of a time (in units), a type and a banner, packed so that numbers sort like rows.
 */
static uint64_t row_key(uint64_t at, unsigned type, unsigned banner) {
    return at << 16 | (uint64_t)type << 14 | banner;
}

static int row_cmp(const void *a, const void *b) {
    uint64_t x = ((const struct table_slot *)a)->key, y = ((const struct table_slot *)b)->key;
    return (x > y) - (x < y);
}

static void row_write(const struct truth *t, struct px_jsonw *w, const struct table_slot *s,
                      px_us unit, bool by_banner) {
    char text[PX_TIME_TEXT], banner[64];
    uint64_t key = s->key - 1;
    px_us at = (px_us)(key >> 16) * unit;
    bool daily = unit == PX_US_PER_DAY;
    size_t n = daily ? px_fmt_date(px_day_of(at), text) : px_fmt_instant(at, text);

    px_jw_obj(w);
    px_jw_kstr(w, daily ? "date" : "minute", (struct px_str){.p = text, .n = n});
    px_jw_kc(w, "eventType", load_types[key >> 14 & 3]);
    if (by_banner) {
        struct px_buf b = {.p = banner, .cap = sizeof banner, .max = sizeof banner};
        px_buf_printf(&b, "%s-b%02u", t->run->conf.prefix, (unsigned)(key & 0x3fff));
        px_jw_kstr(w, "bannerTag", px_buf_view(&b));
    }
    px_jw_ki64(w, "count", (int64_t)s->value);
    px_jw_obj_end(w);
}

/* Counted events by time (cut to ${unit}), type and, if asked, banner. */
static enum px_code truth_rows(const struct truth *t, struct px_jsonw *w, px_us unit,
                               bool by_banner) {
    PX_DEFER(table_fini) struct table rows = TABLE_INIT;

    for (uint32_t i = 0; i < t->run->n; i++) {
        const struct load_request *r = &t->run->v[i];
        if (t->fate[i] == TRUTH_COUNTED || t->fate[i] == TRUTH_UNSURE) {
            px_us at = load_event_time(&t->run->conf, r);
            uint64_t *n = table_put(
                &rows, row_key((uint64_t)(at / unit), r->type, by_banner ? r->banner : 0u), NULL);
            if (!n) {
                return PX_NOMEM;
            }
            ++*n;
        }
    }
    if (rows.n) { /* in order; it is no table any more */
        qsort(rows.slots, rows.cap, sizeof *rows.slots, row_cmp);
    }
    px_jw_arr(w);
    for (size_t i = rows.cap - rows.n; i < rows.cap; i++) {
        row_write(t, w, &rows.slots[i], unit, by_banner);
    }
    px_jw_arr_end(w);
    return PX_OK;
}

static void truth_type_write(const struct truth *t, struct px_jsonw *w, int k) {
    const struct truth_type *x = &t->types[k];

    px_jw_key(w, load_types[k]);
    px_jw_obj(w);
    px_jw_ki64(w, "acked", (int64_t)x->acked);
    px_jw_ki64(w, "counted", (int64_t)x->counted);
    px_jw_ki64(w, "countedMax", (int64_t)x->counted_max);
    px_jw_ki64(w, "repeats", (int64_t)x->repeats);
    px_jw_ki64(w, "duplicates", (int64_t)x->duplicates);
    px_jw_ki64(w, "conflicts", (int64_t)x->conflicts);
    px_jw_obj_end(w);
}

static void truth_head(const struct truth *t, struct px_jsonw *w) {
    const struct load_run *run = t->run;
    const uint64_t *s = t->states;
    uint64_t open = s[LOAD_UNANSWERED] + s[LOAD_SENT];

    px_jw_kc(w, "prefix", run->conf.prefix);
    px_jw_ki64(w, "seed", (int64_t)run->conf.seed);
    px_jw_ki64(w, "requests", run->n);
    px_jw_ki64(w, "retries", (int64_t)run->retries);
    px_jw_ki64(w, "sent", (int64_t)(run->n - s[LOAD_UNSENT] - s[LOAD_UNREACHABLE]));
    px_jw_ki64(w, "acked", (int64_t)s[LOAD_ACKED]);
    px_jw_ki64(w, "refused", (int64_t)s[LOAD_REFUSED]);
    px_jw_ki64(w, "unavailable", (int64_t)s[LOAD_BUSY]);
    px_jw_ki64(w, "unknown", (int64_t)s[LOAD_UNKNOWN]);
    px_jw_ki64(w, "unreachable", (int64_t)s[LOAD_UNREACHABLE]);
    px_jw_ki64(w, "unanswered", (int64_t)open);
    px_jw_ki64(w, "unsent", (int64_t)s[LOAD_UNSENT]);
    px_jw_ki64(w, "unexpected", (int64_t)run->unexpected);
    px_jw_kbool(w, "exact", s[LOAD_UNKNOWN] + s[LOAD_STRANGE] + open == 0);
    px_jw_ki64(w, "maybeStored", (int64_t)t->maybe);
    px_jw_ki64(w, "totalDeposits", (int64_t)t->total_deposits);
    px_jw_ki64(w, "totalDepositsMax", (int64_t)t->deposits_max);
    px_jw_key(w, "refusedByCode");
    px_jw_obj(w);
    for (int f = 0; f < LOAD_FAULTS; f++) {
        px_jw_ki64(w, load_fault_codes[f], (int64_t)t->faults[f]);
    }
    px_jw_obj_end(w);
}

static enum px_code truth_document(const struct truth *t, struct px_jsonw *w) {
    bool countable = true;

    px_jw_obj(w);
    truth_head(t, w);
    px_jw_key(w, "types");
    px_jw_obj(w);
    for (int k = 0; k < LOAD_TYPES; k++) {
        truth_type_write(t, w, k);
        countable = countable && t->types[k].counted == t->types[k].counted_max;
    }
    px_jw_obj_end(w);
    px_jw_kbool(w, "countedExact", countable);
    load_measures_write(t->run, w);
    px_jw_key(w, "daily");
    enum px_code rc = truth_rows(t, w, PX_US_PER_DAY, false);
    px_jw_key(w, "banners");
    rc = rc ? rc : truth_rows(t, w, PX_US_PER_DAY, true);
    px_jw_key(w, "minutes");
    rc = rc ? rc : truth_rows(t, w, PX_US_PER_MIN, true);
    px_jw_obj_end(w);
    return rc;
}

enum px_code load_truth_write(const struct load_run *run, struct px_buf *out,
                              struct px_err *reterr) {
    PX_DEFER(truth_fini) struct truth t = {.run = run};
    struct px_jsonw w = px_jsonw_on(out);
    enum px_code rc = truth_build(&t, reterr);

    if (!rc && truth_document(&t, &w)) {
        rc = PX_FAIL(reterr, PX_NOMEM, "no memory for the rows of the truth");
    }
    px_buf_byte(out, '\n');
    return rc ? rc : px_buf_ok(out, reterr);
}
