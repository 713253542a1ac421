/* Rounds over the dead letters: put on the shelf in the order of their origin, judge a chunk, write
 * what is fixed, remember it. See the header. Must not apply anything: the log is the only way into
 * the counts. */
#include "replay.h"

#include "decode.h"
#include "redact.h"
#include "send.h"
#include "replay_sql.h"
#include "shelf.h"

#include <px/failpoint.h>
#include <px/mem.h>

#include <stdio.h>

#define SHELF_N     100000
#define SHELF_BYTES ((size_t)64 << 20)
#define ARENA_MAX   ((size_t)64 << 20)
#define ORIGIN_MAX  400
#define LOG_ID_MAX  127 /* what an aggregator gives a log as its name */

/* One letter of a chunk on its way. */
struct replaying {
    struct agg_letter letter;
    struct agg_item item;
    struct agg_replay_row row;
    enum agg_outcome outcome;
    char origin[ORIGIN_MAX];
};

struct agg_replayer {
    const struct agg_replay_conf *conf;
    struct agg_replay_counts *counts;
    struct agg_letters letters;
    struct agg_shelf shelf;
    struct agg_replay_sql sql;
    struct agg_sender *sender; /* NULL in a dry run */
    struct px_arena arena;
    struct replaying *v; /* AGG_REPLAY_CHUNK */
    size_t n;
    bool first_round;
};

const char *agg_outcome_name(enum agg_outcome o) {
    static const char *const names[AGG_OUTCOMES] = {
        [AGG_FIXED] = "fixed",
        [AGG_STILL_BAD] = "still_bad",
        [AGG_ALREADY_COUNTED] = "already_counted",
        [AGG_ALREADY_REPLAYED] = "already_replayed",
        [AGG_TOO_OLD] = "too_old",
        [AGG_NOT_ASKED] = "not_asked",
        [AGG_CUT] = "cut",
        [AGG_OF_REQUEST] = "of_request",
        [AGG_OTHER_TOPIC] = "other_topic",
        [AGG_OF_ERASED] = "of_erased",
        [AGG_LEFT] = "left",
    };
    return names[o];
}

/* --- a round: what is on the shelf ------------------------------------------------------------ */

static struct px_str log_of(const struct agg_replayer *r, const struct agg_letter *l) {
    return l->d.log_id.n > 0 ? l->d.log_id : r->conf->log_id;
}

/* What can be said of a letter before it is judged; FIXED = nothing yet. */
static enum agg_outcome first_look(struct agg_replayer *r, const struct agg_letter *l) {
    if (l->d.topic.n == 0) {
        return AGG_OF_REQUEST;
    }
    if (!agg_letter_of_log(l) || !px_str_is(l->d.topic, r->conf->topic) ||
        l->d.log_id.n > LOG_ID_MAX || px_str_has_control(l->d.log_id)) {
        return AGG_OTHER_TOPIC;
    }
    if (r->conf->redact && agg_redact_letter(r->conf->redact, l, &r->arena)) {
        return AGG_OF_ERASED;
    }
    return agg_letter_whole(l) ? AGG_FIXED : AGG_CUT;
}

static enum px_code put_up(struct agg_replayer *r, const struct agg_letter *l,
                           struct px_err *reterr) {
    px_arena_reset(&r->arena);
    enum agg_outcome o = l->readable ? first_look(r, l) : AGG_OTHER_TOPIC;
    if (o == AGG_FIXED) {
        struct agg_origin origin = {.log = px_siphash(1, 2, log_of(r, l)),
                                    .partition = l->d.partition,
                                    .offset = l->d.offset};
        return agg_shelf_add(&r->shelf, origin, l->bytes, reterr);
    }
    if (r->first_round && l->readable) {
        r->counts->of[o]++;
    }
    return PX_OK;
}

static enum px_code fill_shelf(struct agg_replayer *r, struct px_err *reterr) {
    struct agg_letter l;
    enum px_code rc = r->first_round ? PX_OK : agg_letters_again(&r->letters, reterr);
    while (rc == PX_OK && (rc = agg_letters_next(&r->letters, &l, reterr)) == PX_OK) {
        rc = put_up(r, &l, reterr);
    }
    if (rc != PX_NO_ROW) {
        return rc;
    }
    r->counts->unreadable = r->letters.unreadable;
    agg_shelf_close(&r->shelf);
    r->counts->copies = r->shelf.copies;
    return PX_OK;
}

/* --- a chunk ---------------------------------------------------------------------------------- */

static struct agg_letter_ids ids_of(const struct agg_replayer *r) {
    return (struct agg_letter_ids){.event = agg_schemas_event(r->conf->schemas),
                                   .letter = agg_schemas_letter(r->conf->schemas)};
}

static enum px_code take_up(struct agg_replayer *r, size_t from, struct px_err *reterr) {
    const struct agg_decoder decoder = {
        .catalog = r->conf->catalog, .zone = r->conf->zone, .schemas = r->conf->schemas};
    enum px_code rc = PX_OK;
    px_arena_reset(&r->arena);
    for (r->n = 0; rc == PX_OK && r->n < AGG_REPLAY_CHUNK && from + r->n < r->shelf.n; r->n++) {
        struct replaying *x = &r->v[r->n];
        *x = (struct replaying){.outcome = AGG_FIXED};
        agg_letter_parse(r->shelf.v[from + r->n].bytes, ids_of(r), &x->letter);
        x->item.value = agg_letter_value(&x->letter);
        rc = agg_decode(&decoder, &x->item, &r->arena, reterr);
        x->row = (struct agg_replay_row){.log_id = log_of(r, &x->letter),
                                         .topic = x->letter.d.topic,
                                         .partition = x->letter.d.partition,
                                         .offset = x->letter.d.offset,
                                         .event_id = x->item.event.id,
                                         .has_id = !x->item.dead};
    }
    return rc;
}

/* The one place that decides. While the claims of its day are there, a copy of whatever was counted
 * is a repeat or a duplicate; behind them nobody can tell, and the aggregator would call it late.
 */
static enum agg_outcome judge(const struct agg_replayer *r, const struct replaying *x) {
    struct px_str refused = px_str_c(px_reason_code(PX_REASON_REFUSED_BY_SQL));
    if (x->row.replayed) {
        return AGG_ALREADY_REPLAYED;
    }
    if (x->item.dead) {
        return AGG_STILL_BAD;
    }
    if (x->row.counted) {
        return AGG_ALREADY_COUNTED;
    }
    if (x->item.day < r->sql.claims_from) {
        return AGG_TOO_OLD;
    }
    if (px_str_eq(x->letter.d.reason, refused) && !px_str_eq(r->conf->filter.reason, refused)) {
        return AGG_NOT_ASKED;
    }
    return AGG_FIXED;
}

static enum px_code judge_all(struct agg_replayer *r, struct px_err *reterr) {
    struct agg_replay_row rows[AGG_REPLAY_CHUNK];
    for (size_t i = 0; i < r->n; i++) {
        rows[i] = r->v[i].row;
    }
    enum px_code rc = agg_replay_sql_ask(&r->sql, rows, r->n, reterr);
    for (size_t i = 0; rc == PX_OK && i < r->n; i++) {
        r->v[i].row = rows[i];
        r->v[i].outcome = judge(r, &r->v[i]);
    }
    return rc;
}

/* The limit is on what is written: cut the chunk behind the last one that may be. */
static void keep_to_limit(struct agg_replayer *r) {
    int64_t left = r->conf->limit - r->counts->of[AGG_FIXED];
    for (size_t i = 0; r->conf->limit > 0 && i < r->n; i++) {
        left -= r->v[i].outcome == AGG_FIXED ? 1 : 0;
        if (left < 0) {
            r->n = i;
        }
    }
}

static bool limit_reached(const struct agg_replayer *r) {
    return r->conf->limit > 0 && r->counts->of[AGG_FIXED] >= r->conf->limit;
}

static size_t to_send(struct agg_replayer *r, struct agg_sending *v, struct replaying **of) {
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        struct replaying *x = &r->v[i];
        if (x->outcome != AGG_FIXED) {
            continue;
        }
        int len = snprintf(x->origin, sizeof x->origin, "%.*s/%d/%lld", PX_S_ARG(x->row.topic),
                           x->row.partition, (long long)x->row.offset);
        px_assert(len > 0 && (size_t)len < sizeof x->origin);
        v[n] = (struct agg_sending){
            .key = x->letter.d.key, .value = x->item.value, .origin = px_str_c(x->origin)};
        of[n++] = x;
    }
    return n;
}

/* Written first, remembered then: a crash between the two may write a record twice, which the
 * claims count once; the other way round it might be lost. What is not stored is not told. */
static enum px_code write_fixed(struct agg_replayer *r, struct px_err *reterr) {
    struct agg_sending v[AGG_REPLAY_CHUNK];
    struct replaying *of[AGG_REPLAY_CHUNK];
    struct agg_replay_row *stored[AGG_REPLAY_CHUNK];
    size_t n = to_send(r, v, of), k = 0;
    if (n == 0 || r->conf->dry) {
        return PX_OK;
    }
    enum px_code rc = agg_sender_put(r->sender, v, n, reterr);
    for (size_t i = 0; i < n; i++) {
        of[i]->row.to_partition = v[i].partition;
        of[i]->row.to_offset = v[i].offset;
        if (v[i].stored) {
            stored[k++] = &of[i]->row;
        } else if (v[i].too_large) {
            of[i]->outcome = AGG_STILL_BAD;
            of[i]->item.reason = PX_REASON_TOO_LARGE_FOR_LOG;
        } else {
            of[i]->outcome = AGG_LEFT;
        }
    }
    PX_FAILPOINT("agg.replay_acknowledged");
    if (k > 0) {
        px_us now = px_wall(r->conf->clock);
        struct px_err err = PX_ERR_INIT;
        enum px_code kept = agg_replay_sql_remember(&r->sql, stored, k, now, &err);
        if (kept != PX_OK && rc == PX_OK) {
            rc = PX_FAIL(reterr, kept,
                         "%zu records were written but not remembered, the next run "
                         "may write them again (they count once): %.100s",
                         k, err.msg);
        }
    }
    return rc;
}

static void tell_all(struct agg_replayer *r) {
    for (size_t i = 0; i < r->n; i++) {
        const struct replaying *x = &r->v[i];
        struct agg_replayed one = {.letter = &x->letter,
                                   .outcome = x->outcome,
                                   .reason = x->item.reason,
                                   .to_partition = x->row.to_partition,
                                   .to_offset = x->row.to_offset};
        r->counts->of[x->outcome]++;
        if (x->outcome == AGG_STILL_BAD) {
            r->counts->still_bad[x->item.reason]++;
        }
        if (r->conf->tell && x->outcome != AGG_LEFT) {
            r->conf->tell(r->conf->arg, &one);
        }
    }
}

static enum px_code chunk(struct agg_replayer *r, size_t from, struct px_err *reterr) {
    enum px_code rc = take_up(r, from, reterr);
    rc = rc == PX_OK ? judge_all(r, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    keep_to_limit(r);
    rc = write_fixed(r, reterr);
    tell_all(r);
    return rc;
}

/* --- all of it -------------------------------------------------------------------------------- */

static enum px_code rounds(struct agg_replayer *r, struct px_err *reterr) {
    enum px_code rc = PX_OK;
    do {
        rc = fill_shelf(r, reterr);
        r->first_round = false;
        /* a chunk that the limit cut is gone on with when less of it was written than allowed */
        for (size_t at = 0; rc == PX_OK && at < r->shelf.n && !limit_reached(r); at += r->n) {
            rc = chunk(r, at, reterr);
        }
    } while (rc == PX_OK && !limit_reached(r) && agg_shelf_turn(&r->shelf));
    return rc;
}

static enum px_code open_all(struct agg_replayer *r, struct px_err *reterr) {
    const struct agg_replay_conf *c = r->conf;
    struct px_log_reader_conf rc = {
        .kafka = c->kafka, .client_id = c->client_id, .topic = c->dlq, .timeout = 30 * PX_US_PER_S};
    struct agg_sender_conf sc = {.kafka = c->kafka,
                                 .client_id = c->client_id,
                                 .topic = c->topic,
                                 .timeout = c->timeout,
                                 .clock = c->clock};
    enum px_code code = r->v ? PX_OK : PX_FAIL(reterr, PX_NOMEM, "no memory for a replay");
    code = code == PX_OK ? agg_replay_sql_open(&r->sql, c->sql, !c->dry, reterr) : code;
    code = code == PX_OK && !c->dry ? agg_sender_open(&sc, &r->sender, reterr) : code;
    return code == PX_OK ? agg_letters_open(&r->letters, &rc, &c->filter, ids_of(r), reterr) : code;
}

enum px_code agg_replay(const struct agg_replay_conf *conf, struct agg_replay_counts *ret,
                        struct px_err *reterr) {
    struct agg_replayer r = {.conf = conf, .counts = ret, .first_round = true};
    *ret = (struct agg_replay_counts){.unreadable = 0};
    r.v = px_calloc2(AGG_REPLAY_CHUNK, sizeof *r.v);
    px_arena_init(&r.arena, ARENA_MAX);
    agg_shelf_init(&r.shelf, conf->max_n ? conf->max_n : SHELF_N,
                   conf->max_bytes ? conf->max_bytes : SHELF_BYTES);
    enum px_code rc = open_all(&r, reterr);
    rc = rc == PX_OK ? rounds(&r, reterr) : rc;
    agg_letters_close(&r.letters);
    agg_sender_close(r.sender);
    agg_replay_sql_close(&r.sql);
    agg_shelf_fini(&r.shelf);
    px_arena_fini(&r.arena);
    px_free(r.v);
    return rc;
}
