/* What counts: the rules of the platform once more, written from their description and not from the
 * aggregator, over records in memory. Pure. docs/LEDGER.md says them in words. */
#ifndef LEDGER_RULES_H
#define LEDGER_RULES_H

#include "ledger_store.h"

#include <px/hash.h>
#include <px/zone.h>

enum lg_disposition {
    LG_NONE, /* nothing is stored, or not known yet */
    LG_COUNTED,
    LG_REPEAT,
    LG_DUPLICATE,
    LG_CONFLICT,
    LG_DEAD,
    LG_EXCLUDED, /* the next two are only ever read: no rule makes them yet */
    LG_LATE,
    LG_ERASED,
};
#define LG_DISPOSITIONS ((size_t)LG_ERASED + 1)
const char *lg_disposition_name(enum lg_disposition d); /* as in SQL */
/* lg_disposition_of(s): LG_NONE for a name that there is not. */
enum lg_disposition lg_disposition_of(struct px_str s);

enum {
    LG_FOREIGN = 1 << 0, /* a row of SQL that this log cannot show: stands as stored        */
    LG_APPLIED = 1 << 1, /* below the offset that SQL stands at: must be there              */
    LG_GAP = 1 << 2,     /* in a recorded gap: must not be there                            */
    LG_AGAIN = 1 << 3,   /* a copy: the row of its event id is another record's             */
    LG_STORED = 1 << 4,  /* its row was found                                               */
    LG_BY_ID = 1 << 5,   /* its type counts every event id (dedupe: event_id)               */
    LG_BELOW =
        1 << 7, /* with FOREIGN: of this log, below its first offset: its partition's first */
    LG_SPLIT = 1 << 6,  /* its player is in several partitions: their order is not known   */
    LG_OLD = 1 << 8,    /* its day is before claims_from: late, or read before that was set  */
    LG_UNSURE = 1 << 9, /* nothing shows any more what SQL decided                          */
    LG_GONE = 1 << 10,  /* its player was erased: nobody's in SQL, and without a row when it
                           was read after that                                              */
};

/* One record of the log, or one row of SQL that no log shows any more. */
struct lg_event {
    struct px_uuid id;
    int64_t offset;
    px_us received, occurred;           /* occurred 0 = the sender gave no time */
    uint64_t content;                   /* hash of the attributes; of a dead record: of its bytes */
    uint32_t player, type, banner, eid; /* texts; eid 0 = none; player 0 = it did not decode or is
                                           not in order */
    uint32_t traffic;                   /* text: "bot/ua:curl"; 0 = nobody classified it */
    int32_t partition;
    uint8_t want, got; /* enum lg_disposition: by the rules, by SQL */
    uint8_t reason;    /* of a dead one: enum px_reason */
    uint16_t flags;
};
static inline px_us lg_time(const struct lg_event *e) {
    return e->occurred ? e->occurred : e->received;
}
/* What the rules and the sums are about. */
static inline bool lg_takes_part(const struct lg_event *e) {
    return (e->flags & LG_FOREIGN) ||
           ((e->flags & LG_APPLIED) && !(e->flags & LG_GAP) && e->want != LG_DEAD);
}

/* What retention has taken, as the database itself says; zero: nothing. */
struct lg_kept {
    px_day claims_from; /* events of earlier days may be late, and their claims gone   */
    px_day raw_from;    /* rows of earlier days may be gone                            */
    bool blurred;       /* rows of erased players are there that the log does not show */
    bool unseen;        /* events were applied that neither the log nor a row shows    */
};

/* lg_decide(v, n, zone, kept): sort ${v} by player, what came first first, and give each event that
 * takes part its disposition (want). Foreign ones keep what SQL says and hold the claims it says
 * they won. A player in several partitions (their number grew) has no known order between them:
 * there the order is taken that explains what SQL stored (got), when there is one, else by time of
 * arrival. What only events explain that retention has taken stands as SQL says, too: old events
 * with a row, and losers to a claim that nobody shows any more. */
void lg_decide(struct lg_event **v, size_t n, const struct px_zone *zone,
               const struct lg_kept *kept);

struct lg_player {
    px_us first_seen, last_event_at, registration_at, deposit_at; /* 0 = NULL */
    int64_t total_deposits, unsure_deposits; /* the second: those of them that are not sure */
    uint32_t player;                         /* 0: all that were erased */
    bool seen, sure, unsure; /* it has a row; events that are sure moved it, others may have */
};
struct lg_sums {
    struct lg_table daily;   /* (day, type)                   */
    struct lg_table banners; /* (day, type, banner)           */
    struct lg_table minutes; /* (us, type, banner)            */
    struct lg_table classes; /* (day, type, banner, traffic)  */
    struct lg_table by_player;
    struct lg_vec players; /* struct lg_player */
    int64_t counted;
};
struct lg_names { /* the texts that rules ask for */
    uint32_t registration, deposit;
};
/* lg_sum(v, n, zone, names, ret): what the tables must hold after these dispositions. */
void lg_sum(struct lg_event *const *v, size_t n, const struct px_zone *zone, struct lg_names names,
            struct lg_sums *ret);
/* lg_player_of(s, player, make): its row, or NULL. */
struct lg_player *lg_player_of(struct lg_sums *s, uint32_t player, bool make);
void lg_sums_fini(struct lg_sums *s);

#endif
