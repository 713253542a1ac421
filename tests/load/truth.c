/* What a correct pipeline has counted, from the acknowledged requests alone. Requests of one key
 * were never under way together, so their order here is their order in the log. */
#include "load.h"

#include <px/jsonw.h>
#include <px/map.h>
#include <px/mem.h>
#include <px/num.h>

#include <stdio.h>
#include <stdlib.h>

enum truth_fate {
    TRUTH_NONE,
    TRUTH_COUNTED,
    TRUTH_REPEAT,
    TRUTH_DUPLICATE,
    TRUTH_CONFLICT
};

struct truth_type {
    uint64_t acked, counted, repeats, duplicates, conflicts, counted_max;
};

struct truth_row { /* per day or minute, type and banner */
    px_us at;
    uint32_t count;
    uint16_t banner;
    uint8_t type;
};

struct truth {
    const struct load_run *run;
    uint8_t *fate;    /* by request */
    uint32_t *holder; /* by origin: index + 1 of the request that holds the id */
    struct px_map keys;
    char *key_bytes;
    struct truth_type types[LOAD_TYPES];
    uint64_t total_deposits, states[LOAD_STRANGE + 1], faults[LOAD_FAULTS];
};

static bool truth_maybe_stored(const struct load_request *r) {
    return r->kind != LOAD_INVALID && (r->state == LOAD_UNKNOWN || r->state == LOAD_UNANSWERED);
}

/* First of its (day, type, player, banner)? */
static bool truth_claim(struct truth *t, uint32_t i, px_day day) {
    const struct load_request *r = &t->run->v[i];
    char *p = t->key_bytes + 12 * (size_t)i;
    uint64_t key = load_key(r), *place;
    bool fresh = false;

    memcpy(p, &key, 8);
    memcpy(p + 8, &day, 4);
    px_assert(px_map_put(&t->keys, (struct px_str){.p = p, .n = 12}, i, &place, &fresh) == PX_OK);
    return fresh;
}

static enum truth_fate truth_judge(struct truth *t, uint32_t i) {
    const struct load_request *r = &t->run->v[i];

    if (r->with_id && t->holder[r->origin]) {
        const struct load_request *first = &t->run->v[t->holder[r->origin] - 1];
        return first->variant == r->variant ? TRUTH_DUPLICATE : TRUTH_CONFLICT;
    }
    if (r->with_id) {
        t->holder[r->origin] = i + 1;
    }
    return truth_claim(t, i, px_day_of(r->received)) ? TRUTH_COUNTED : TRUTH_REPEAT;
}

static void truth_add(struct truth *t, uint32_t i) {
    const struct load_request *r = &t->run->v[i];
    struct truth_type *x = &t->types[r->type];
    enum truth_fate fate = truth_judge(t, i);

    t->fate[i] = (uint8_t)fate;
    x->acked++;
    x->counted += fate == TRUTH_COUNTED;
    x->repeats += fate == TRUTH_REPEAT;
    x->duplicates += fate == TRUTH_DUPLICATE;
    x->conflicts += fate == TRUTH_CONFLICT;
    if (r->type == 2 && (fate == TRUTH_COUNTED || (fate == TRUTH_REPEAT && r->with_id))) {
        t->total_deposits++;
    }
}

static void truth_build(struct truth *t, const struct load_run *run) {
    t->run = run;
    t->fate = px_alloc(run->n + 1);
    t->holder = px_calloc2(run->n + 1, sizeof *t->holder);
    t->key_bytes = px_calloc2(run->n + 1, 12);
    px_assert(t->fate && t->holder && t->key_bytes);
    px_map_init(&t->keys, (size_t)run->n + 1);
    for (uint32_t i = 0; i < run->n; i++) {
        const struct load_request *r = &run->v[i];
        t->states[r->state]++;
        if (r->kind == LOAD_INVALID) {
            t->faults[r->fault] += r->state == LOAD_REFUSED;
        } else if (r->state == LOAD_ACKED) {
            truth_add(t, i);
        }
    }
    for (int k = 0; k < LOAD_TYPES; k++) {
        t->types[k].counted_max = t->types[k].counted;
    }
    for (uint32_t i = 0; i < run->n; i++) { /* could have been counted besides */
        if (truth_maybe_stored(&run->v[i])) {
            t->types[run->v[i].type].counted_max += truth_claim(t, i, -1);
        }
    }
}

static void truth_fini(struct truth *t) {
    px_free(t->fate);
    px_free(t->holder);
    px_free(t->key_bytes);
    px_map_fini(&t->keys);
}

/* --- writing --------------------------------------------------------------------------------- */

static int truth_row_cmp(const void *a, const void *b) {
    const struct truth_row *x = a, *y = b;
    if (x->at != y->at) {
        return x->at < y->at ? -1 : 1;
    }
    return x->type != y->type ? x->type - y->type : x->banner - y->banner;
}

/* Counted events by time (cut to ${unit}), type and, if asked, banner. */
static void truth_rows(const struct truth *t, struct px_jsonw *w, const char *name, px_us unit,
                       bool by_banner) {
    struct truth_row *rows = px_calloc2(t->run->n + 1, sizeof *rows);
    size_t n = 0, out = 0;
    char text[PX_TIME_TEXT];
    px_assert(rows);
    for (uint32_t i = 0; i < t->run->n; i++) {
        const struct load_request *r = &t->run->v[i];
        if (t->fate[i] == TRUTH_COUNTED) {
            rows[n++] = (struct truth_row){.at = r->received - r->received % unit,
                                           .count = 1,
                                           .banner = by_banner ? r->banner : (uint16_t)0,
                                           .type = r->type};
        }
    }
    qsort(rows, n, sizeof *rows, truth_row_cmp);
    px_jw_key(w, name);
    px_jw_arr(w);
    for (size_t i = 0; i < n; i = out) {
        for (out = i; out < n && truth_row_cmp(&rows[i], &rows[out]) == 0;) {
            out++;
        }
        px_jw_obj(w);
        if (unit == PX_US_PER_DAY) {
            px_jw_kstr(w, "date",
                       (struct px_str){.p = text, .n = px_fmt_date(px_day_of(rows[i].at), text)});
        } else {
            px_jw_kstr(w, "minute",
                       (struct px_str){.p = text, .n = px_fmt_instant(rows[i].at, text)});
        }
        px_jw_kc(w, "eventType", load_types[rows[i].type]);
        if (by_banner) {
            char banner[64];
            snprintf(banner, sizeof banner, "%s-b%02u", t->run->conf.prefix, rows[i].banner);
            px_jw_kc(w, "bannerTag", banner);
        }
        px_jw_ki64(w, "count", (int64_t)(out - i));
        px_jw_obj_end(w);
    }
    px_jw_arr_end(w);
    px_free(rows);
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

    px_jw_kc(w, "prefix", run->conf.prefix);
    px_jw_ki64(w, "seed", (int64_t)run->conf.seed);
    px_jw_ki64(w, "requests", run->n);
    px_jw_ki64(w, "sent", (int64_t)(run->n - s[LOAD_UNSENT] - s[LOAD_UNREACHABLE]));
    px_jw_ki64(w, "acked", (int64_t)s[LOAD_ACKED]);
    px_jw_ki64(w, "refused", (int64_t)s[LOAD_REFUSED]);
    px_jw_ki64(w, "unavailable", (int64_t)s[LOAD_BUSY]);
    px_jw_ki64(w, "unknown", (int64_t)s[LOAD_UNKNOWN]);
    px_jw_ki64(w, "unreachable", (int64_t)s[LOAD_UNREACHABLE]);
    px_jw_ki64(w, "unanswered", (int64_t)(s[LOAD_UNANSWERED] + s[LOAD_SENT]));
    px_jw_ki64(w, "unexpected", (int64_t)run->unexpected);
    px_jw_kbool(w, "exact", s[LOAD_UNKNOWN] + s[LOAD_UNANSWERED] + s[LOAD_SENT] == 0);
    px_jw_ki64(w, "totalDeposits", (int64_t)t->total_deposits);
    px_jw_key(w, "refusedByCode");
    px_jw_obj(w);
    for (int f = 0; f < LOAD_FAULTS; f++) {
        px_jw_ki64(w, load_fault_codes[f], (int64_t)t->faults[f]);
    }
    px_jw_obj_end(w);
}

void load_truth_write(const struct load_run *run, struct px_buf *out) {
    struct truth t = {.run = run};
    struct px_jsonw w = px_jsonw_on(out);

    truth_build(&t, run);
    px_jw_obj(&w);
    truth_head(&t, &w);
    px_jw_key(&w, "types");
    px_jw_obj(&w);
    for (int k = 0; k < LOAD_TYPES; k++) {
        truth_type_write(&t, &w, k);
    }
    px_jw_obj_end(&w);
    truth_rows(&t, &w, "daily", PX_US_PER_DAY, false);
    truth_rows(&t, &w, "banners", PX_US_PER_DAY, true);
    truth_rows(&t, &w, "minutes", PX_US_PER_MIN, true);
    px_jw_obj_end(&w);
    px_buf_byte(out, '\n');
    truth_fini(&t);
}

/* --- summary ---------------------------------------------------------------------------------- */

static int truth_u32_cmp(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double truth_ms(const uint32_t *v, size_t n, unsigned per_mille) {
    return n ? v[(n - 1) * per_mille / 1000] / 1000.0 : 0;
}

void load_summary_print(const struct load_run *run) {
    uint32_t *v = px_calloc2(run->n + 1, sizeof *v);
    uint64_t states[LOAD_STRANGE + 1] = {0};
    size_t n = 0;

    px_assert(v);
    for (uint32_t i = 0; i < run->n; i++) {
        states[run->v[i].state]++;
        if (run->v[i].state == LOAD_ACKED) {
            v[n++] = run->v[i].latency;
        }
    }
    qsort(v, n, sizeof *v, truth_u32_cmp);
    double seconds = (double)run->took / 1e6;
    printf(
        "requests %u in %.1f s (%.0f/s), acked %llu, refused %llu, unavailable %llu, unknown %llu, "
        "unreachable %llu, unanswered %llu, unexpected %llu, late %llu\n",
        run->n, seconds, seconds > 0 ? run->n / seconds : 0, (unsigned long long)states[LOAD_ACKED],
        (unsigned long long)states[LOAD_REFUSED], (unsigned long long)states[LOAD_BUSY],
        (unsigned long long)states[LOAD_UNKNOWN], (unsigned long long)states[LOAD_UNREACHABLE],
        (unsigned long long)(states[LOAD_UNANSWERED] + states[LOAD_SENT] + states[LOAD_UNSENT]),
        (unsigned long long)run->unexpected, (unsigned long long)run->late);
    printf("ack ms: p50 %.1f p95 %.1f p99 %.1f max %.1f\n", truth_ms(v, n, 500),
           truth_ms(v, n, 950), truth_ms(v, n, 990), truth_ms(v, n, 1000));
    if (run->first_strange[0]) {
        printf("first unexpected answer: %s\n", run->first_strange);
    }
    px_free(v);
}
