/* The rules of what counts, in their simplest form: one pass per player, claims in tables, no
 * batches, no SQL. Slow is fine; alike to the aggregator's code it must not be. */
#include "ledger_rules.h"

#include <stdlib.h>

static const char *const names[LG_DISPOSITIONS] = {
    [LG_NONE] = "none",           [LG_COUNTED] = "counted",   [LG_REPEAT] = "repeat",
    [LG_DUPLICATE] = "duplicate", [LG_CONFLICT] = "conflict", [LG_DEAD] = "dead_lettered",
    [LG_EXCLUDED] = "excluded",   [LG_LATE] = "late",         [LG_ERASED] = "erased",
};

const char *lg_disposition_name(enum lg_disposition d) {
    px_assert((size_t)d < LG_DISPOSITIONS);
    return names[d];
}

enum lg_disposition lg_disposition_of(struct px_str s) {
    for (size_t i = LG_COUNTED; i < LG_DISPOSITIONS; i++) {
        if (px_str_is(s, names[i])) {
            return (enum lg_disposition)i;
        }
    }
    return LG_NONE;
}

/* --- claims ----------------------------------------------------------------------------------- */

struct claims {
    const struct px_zone *zone;
    const struct lg_kept *kept;
    struct lg_table ids;     /* (type, player, eid): got = the holder's address */
    struct lg_table natural; /* (day, type, player, banner), or an event id     */
};

static struct lg_key id_key(const struct lg_event *e) {
    return (struct lg_key){.v = {e->type, e->player, e->eid}};
}

static struct lg_key natural_key(const struct claims *c, const struct lg_event *e) {
    struct lg_key k = {.v = {px_zone_day(c->zone, lg_time(e)), e->type, e->player, e->banner}};
    if (e->flags & LG_BY_ID) {
        int64_t half[2];
        memcpy(half, e->id.b, sizeof half);
        k = (struct lg_key){.v = {half[0], half[1], -1, -1}};
    }
    return k;
}

static const struct lg_event *holder(const struct lg_row *row) {
    return (const struct lg_event *)(uintptr_t)row->got;
}

/* A retry says the same again; who uses an id for something else is in conflict with its holder. */
static bool says_the_same(const struct lg_event *a, const struct lg_event *b) {
    return a->banner == b->banner && a->occurred == b->occurred && a->content == b->content;
}

static bool before(const struct claims *c, const struct lg_event *e, px_day day) {
    return px_zone_day(c->zone, lg_time(e)) < day;
}

static enum lg_disposition by_key(const struct claims *c, const struct lg_event *e) {
    return lg_row_find(&c->natural, natural_key(c, e)) ? LG_REPEAT : LG_COUNTED;
}

/* Can ${e} have lost to an event that nothing shows any more? Of ids, always; of a day's key only
 * when that day's rows may be gone. */
static bool lost_to_unseen(const struct claims *c, const struct lg_event *e) {
    bool by_id = e->eid && (e->got == LG_DUPLICATE || e->got == LG_CONFLICT);
    bool by_day = e->got == LG_REPEAT && before(c, e, c->kept->raw_from);
    return c->kept->unseen && c->kept->raw_from > 0 && (by_id || by_day);
}

/* What ${e} would be now. */
static enum lg_disposition outcome(const struct claims *c, const struct lg_event *e) {
    const struct lg_row *held = e->eid ? lg_row_find(&c->ids, id_key(e)) : NULL;
    if (held && before(c, holder(held), c->kept->claims_from) && e->got == by_key(c, e)) {
        return by_key(c, e); /* the holder's claim was gone by then */
    }
    if (held) {
        return says_the_same(holder(held), e) ? LG_DUPLICATE : LG_CONFLICT;
    }
    return lost_to_unseen(c, e) ? (enum lg_disposition)e->got : by_key(c, e);
}

/* ${e} is ${d}: it holds the claims that it won. */
static void settle(struct claims *c, struct lg_event *e, enum lg_disposition d) {
    bool is_new;
    e->want = (uint8_t)d;
    if (d != LG_COUNTED && d != LG_REPEAT) {
        return;
    }
    if (e->eid) {
        struct lg_row *row = lg_row(&c->ids, id_key(e), &is_new);
        if (is_new || before(c, holder(row), c->kept->claims_from)) {
            row->got = (int64_t)(uintptr_t)e;
        }
    }
    lg_row(&c->natural, natural_key(c, e), NULL);
}

/* --- order ------------------------------------------------------------------------------------ */

static bool of_another_log(const struct lg_event *e) {
    return (e->flags & LG_FOREIGN) && !(e->flags & LG_BELOW);
}

static int by_player(const void *x, const void *y) {
    const struct lg_event *a = *(struct lg_event *const *)x, *b = *(struct lg_event *const *)y;
    bool fa = of_another_log(a), fb = of_another_log(b);
    if (a->player != b->player) {
        return a->player < b->player ? -1 : 1;
    }
    if (fa != fb) {
        return fa ? -1 : 1;
    }
    if (a->partition != b->partition) {
        return a->partition < b->partition ? -1 : 1;
    }
    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* The part of one player in one partition: what is left of it. */
struct head {
    struct lg_event **at, **end;
};
#define HEADS 1024

static size_t split_up(struct lg_event **v, size_t n, struct head *heads) {
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || v[i]->partition != v[i - 1]->partition) {
            px_assert(k < HEADS);
            heads[k++] = (struct head){.at = &v[i]};
        }
        heads[k - 1].end = &v[i] + 1;
    }
    return k;
}

/* How well it goes before others when no head is as SQL stored it: what only SQL shows is no
 * question, and a record without a row contradicts nobody. */
static int precedence(const struct lg_event *e) {
    return e->flags & LG_FOREIGN ? 2 : e->got == LG_NONE ? 1 : 0;
}

/* Whoever came first, unless SQL is explained by another choice. Taking a head whose outcome is the
 * stored one never spoils another's: a loser stays one, and two winners of one claim have no order.
 */
static struct head *next_head(const struct claims *c, struct head *heads, size_t k) {
    struct head *first = NULL;
    for (size_t i = 0; i < k; i++) {
        if (heads[i].at == heads[i].end) {
            continue;
        }
        const struct lg_event *e = *heads[i].at;
        if (e->got != LG_NONE && outcome(c, e) == e->got) {
            return &heads[i];
        }
        const struct lg_event *than = first ? *first->at : e;
        int before = precedence(e) - precedence(than);
        if (!first || before > 0 || (before == 0 && e->received < than->received)) {
            first = &heads[i];
        }
    }
    return first;
}

/* The holder of its id may have been forgotten when it came, and no row says what became of it. */
static bool is_open(const struct claims *c, const struct lg_event *e) {
    const struct lg_row *held = e->eid ? lg_row_find(&c->ids, id_key(e)) : NULL;
    return e->got == LG_NONE && held && before(c, holder(held), c->kept->claims_from);
}

/* An erased player's record without a row came after the erasure; one with a row is judged by the
 * rules, as long as all rows that could have come before it still tell whose they are. */
static bool gone(const struct claims *c, const struct lg_event *e) {
    return (e->flags & LG_GONE) && (e->got == LG_ERASED || (c->kept->blurred && e->got != LG_NONE));
}

/* What SQL alone shows stands as it is stored. */
static void decide_one(struct claims *c, struct lg_event *e) {
    bool stands =
        (e->flags & LG_FOREIGN) || ((e->flags & LG_OLD) && e->got != LG_NONE) || gone(c, e);
    e->flags |= is_open(c, e) ? LG_UNSURE : 0;
    settle(c, e, stands ? (enum lg_disposition)e->got : outcome(c, e));
}

static void decide_split(struct claims *c, struct lg_event **v, size_t n) {
    struct head heads[HEADS];
    size_t k = split_up(v, n, heads);
    for (struct head *h; (h = next_head(c, heads, k));) {
        struct lg_event *e = *h->at++;
        e->flags |= LG_SPLIT;
        decide_one(c, e);
    }
}

/* One player's events: those of other logs first, then partition by partition. */
static void decide_player(struct claims *c, struct lg_event **v, size_t n) {
    size_t i = 0;
    for (; i < n && of_another_log(v[i]); i++) {
        decide_one(c, v[i]);
    }
    if (i < n && v[i]->partition != v[n - 1]->partition) {
        decide_split(c, v + i, n - i);
        return;
    }
    for (; i < n; i++) {
        decide_one(c, v[i]);
    }
}

void lg_decide(struct lg_event **v, size_t n, const struct px_zone *zone,
               const struct lg_kept *kept) {
    struct claims c = {.zone = zone, .kept = kept};
    size_t to;
    if (n > 0) {
        qsort(v, n, sizeof *v, by_player);
    }
    for (size_t i = 0; i < n; i = to) {
        for (to = i; to < n && v[to]->player == v[i]->player; to++) {
        }
        decide_player(&c, v + i, to - i);
    }
    lg_table_fini(&c.ids);
    lg_table_fini(&c.natural);
}

/* --- sums ------------------------------------------------------------------------------------- */

struct lg_player *lg_player_of(struct lg_sums *s, uint32_t player, bool make) {
    struct lg_row *row = lg_row_find(&s->by_player, (struct lg_key){.v = {player}});
    if (row) {
        return lg_vec_at(&s->players, (size_t)row->want);
    }
    if (!make) {
        return NULL;
    }
    s->players.size = sizeof(struct lg_player);
    lg_row(&s->by_player, (struct lg_key){.v = {player}}, NULL)->want = (int64_t)s->players.n;
    struct lg_player *p = lg_vec_add(&s->players);
    p->player = player;
    return p;
}

static void earliest(px_us *at, px_us t) {
    *at = *at == 0 || t < *at ? t : *at;
}

static void count_in(struct lg_sums *s, const struct lg_event *e, const struct px_zone *zone) {
    px_us t = lg_time(e);
    int64_t day = px_zone_day(zone, t);
    s->counted++;
    lg_row(&s->daily, (struct lg_key){.v = {day, e->type}}, NULL)->want++;
    lg_row(&s->banners, (struct lg_key){.v = {day, e->type, e->banner}}, NULL)->want++;
    lg_row(&s->classes, (struct lg_key){.v = {day, e->type, e->banner, e->traffic}}, NULL)->want++;
    t -= t % PX_US_PER_MIN;
    lg_row(&s->minutes, (struct lg_key){.v = {t, e->type, e->banner}}, NULL)->want++;
}

void lg_sum(struct lg_event *const *v, size_t n, const struct px_zone *zone, struct lg_names text,
            struct lg_sums *ret) {
    for (size_t i = 0; i < n; i++) {
        const struct lg_event *e = v[i];
        if (e->want < LG_COUNTED || e->want > LG_DUPLICATE) {
            continue;
        }
        px_us t = lg_time(e);
        struct lg_player *p = lg_player_of(ret, e->flags & LG_GONE ? 0 : e->player, true);
        bool unsure = (e->flags & LG_UNSURE) != 0;
        p->unsure = p->unsure || unsure;
        p->sure = p->sure || !unsure;
        earliest(&p->first_seen, t);
        p->last_event_at = t > p->last_event_at ? t : p->last_event_at;
        if (e->want == LG_COUNTED) {
            count_in(ret, e, zone);
            if (e->type == text.registration) {
                earliest(&p->registration_at, t);
            } else if (e->type == text.deposit) {
                earliest(&p->deposit_at, t);
            }
        }
        /* A repeat with an id of its own is a second real deposit. */
        if (e->type == text.deposit &&
            (e->want == LG_COUNTED || (e->want == LG_REPEAT && e->eid))) {
            p->total_deposits++;
            p->unsure_deposits += unsure ? 1 : 0;
        }
    }
}

void lg_sums_fini(struct lg_sums *s) {
    lg_table_fini(&s->daily);
    lg_table_fini(&s->banners);
    lg_table_fini(&s->minutes);
    lg_table_fini(&s->classes);
    lg_table_fini(&s->by_player);
    lg_vec_fini(&s->players);
}
