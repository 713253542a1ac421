/* Way 4: where SQL stands in each partition, and whether its accounts add up to what the log shows.
 * And the wait for that. */
#include "ledger_report.h"

#include <px/clock.h>
#include <px/mem.h>

#include <time.h>

static const char *const columns[LG_COLUMNS] = {
    "rewound", "counted", "repeated",      "duplicate", "conflict", "excluded",
    "late",    "erased",  "dead_lettered", "hole",      "gap"};

/* What the log shows of one partition, in the ledger's columns. */
struct shown {
    int64_t column[LG_COLUMNS];
    int64_t unsure; /* records besides, each in a column that only SQL knows */
};

static int column_of(const struct lg_event *e) {
    static const int by[LG_DISPOSITIONS] = {
        [LG_NONE] = LG_COL_COUNTED,      [LG_COUNTED] = LG_COL_COUNTED,
        [LG_REPEAT] = LG_COL_REPEATED,   [LG_DUPLICATE] = LG_COL_DUPLICATE,
        [LG_CONFLICT] = LG_COL_CONFLICT, [LG_DEAD] = LG_COL_DEAD,
        [LG_EXCLUDED] = LG_COL_EXCLUDED, [LG_LATE] = LG_COL_LATE,
        [LG_ERASED] = LG_COL_ERASED,
    };
    return by[e->want];
}

static void add_gaps(const struct ledger *l, struct shown *v) {
    for (size_t i = 0; i < l->gaps.n; i++) {
        const struct lg_range *r = lg_vec_at(&l->gaps, i);
        if ((size_t)r->partition < l->nparts) {
            v[r->partition].column[LG_COL_GAP] += r->to - r->from;
        }
    }
}

/* Offsets of [from, to) that are in a recorded gap. */
static int64_t gap_within(const struct ledger *l, int32_t partition, int64_t from, int64_t to) {
    int64_t n = 0;
    for (size_t i = 0; i < l->gaps.n; i++) {
        const struct lg_range *r = lg_vec_at(&l->gaps, i);
        int64_t lo = r->from > from ? r->from : from, hi = r->to < to ? r->to : to;
        n += r->partition == partition && hi > lo ? hi - lo : 0;
    }
    return n;
}

/* A foreign row counts for its partition only where it lies below this log's start. */
static struct shown *show_all(const struct ledger *l) {
    struct shown *v = px_calloc2(l->nparts + 1, sizeof *v);
    int64_t *records = px_calloc2(l->nparts + 1, sizeof *records);
    px_assert(v && records);
    for (size_t i = 0; i < l->events.n; i++) {
        const struct lg_event *e = lg_event_no(l, i);
        size_t p = e->flags & LG_FOREIGN ? l->nparts : (size_t)e->partition;
        if (p < l->nparts && (e->flags & LG_APPLIED) && !(e->flags & LG_GAP)) {
            v[p].column[column_of(e)] += e->flags & LG_UNSURE ? 0 : 1;
            v[p].unsure += e->flags & LG_UNSURE ? 1 : 0;
            records[p]++;
        }
    }
    for (size_t p = 0; p < l->nparts; p++) {
        const struct lg_part *part = &l->parts[p];
        int64_t next = part->ledger_next < part->high ? part->ledger_next : part->high;
        int64_t from = part->first > part->low ? part->first : part->low;
        int64_t span = next > from ? next - from - gap_within(l, (int32_t)p, from, next) : 0;
        v[p].column[LG_COL_HOLE] = span - records[p];
    }
    add_gaps(l, v);
    px_free(records);
    return v;
}

static void check_position(struct ledger *l, int32_t i) {
    const struct lg_part *p = &l->parts[i];
    struct lg_about none = {0};
    if (!p->has_offset || !p->has_ledger) {
        if (p->high > p->low || p->has_offset != p->has_ledger) {
            lg_violation(l, LG_PARTITION_MISSING, none, "partition %d: no row in %s", i,
                         p->has_ledger ? "consumer_offsets" : "partition_ledger");
        }
        return;
    }
    if (p->next < p->high && !l->conf.live) {
        lg_violation(l, LG_OFFSET_BEHIND, none,
                     "partition %d: consumer_offsets stands at %lld, the log ends at %lld", i,
                     (long long)p->next, (long long)p->high);
    } else if (p->next > p->high) {
        lg_violation(l, LG_OFFSET_AHEAD, none,
                     "partition %d: consumer_offsets stands at %lld, the log ends at %lld", i,
                     (long long)p->next, (long long)p->high);
    }
    if (p->next != p->ledger_next) {
        lg_violation(l, LG_OFFSETS_DISAGREE, none,
                     "partition %d: consumer_offsets says %lld, partition_ledger %lld", i,
                     (long long)p->next, (long long)p->ledger_next);
    }
}

static void check_identity(struct ledger *l, int32_t i) {
    const struct lg_part *p = &l->parts[i];
    int64_t sum = 0, span = p->ledger_next - p->first + p->column[LG_COL_REWOUND];
    for (int c = LG_COL_COUNTED; c < LG_COLUMNS; c++) {
        sum += p->column[c];
    }
    if (sum != span) {
        lg_violation(
            l, LG_IDENTITY_BROKEN, (struct lg_about){0},
            "partition %d: next_offset - first_offset + rewound = %lld, the columns sum up "
            "to %lld",
            i, (long long)span, (long long)sum);
    }
}

/* Was the topic made anew, or cut back? Then the log does not show what was booked before. */
static bool was_cut(const struct ledger *l, int32_t partition) {
    for (size_t i = 0; i < l->cuts.n; i++) {
        const struct lg_range *r = lg_vec_at(&l->cuts, i);
        if (r->partition == partition) {
            return true;
        }
    }
    return false;
}

/* What was read again after a rewind is booked a second time, as anything but counted; what lies
 * below the log's start cannot be seen. There a column may hold more than the log shows. */
/* What a record may have become that was late, or measured against others that nobody shows. */
static int64_t unsure_in(int column, const struct shown *s) {
    bool possible = column == LG_COL_LATE || column == LG_COL_ERASED ||
                    (column >= LG_COL_COUNTED && column <= LG_COL_CONFLICT);
    return possible ? s->unsure : 0;
}

static void check_columns(struct ledger *l, int32_t i, const struct shown *s) {
    const struct lg_part *p = &l->parts[i];
    bool cut = was_cut(l, i), unseen = cut || p->first < p->low;
    bool again = !cut && p->column[LG_COL_REWOUND] > 0;
    for (int c = LG_COL_COUNTED; c < LG_COLUMNS; c++) {
        int64_t got = p->column[c], want = s->column[c];
        bool more_is_fine = unseen || (again && c != LG_COL_COUNTED);
        if (got == want || (more_is_fine && got > want) ||
            (got > want && got <= want + unsure_in(c, s))) {
            continue;
        }
        lg_violation(l, LG_LEDGER_DIFFERS, (struct lg_about){0},
                     "partition %d: %s is %lld, the log shows %lld", i, columns[c], (long long)got,
                     (long long)want);
    }
    if (p->first > p->low) {
        lg_violation(l, LG_LEDGER_DIFFERS, (struct lg_about){0},
                     "partition %d: first_offset is %lld, though the log begins at %lld", i,
                     (long long)p->first, (long long)p->low);
    }
    if (again) {
        lg_note(l, "partition %d: %lld offsets were set back by hand and read again", i,
                (long long)p->column[LG_COL_REWOUND]);
    }
    if (cut) {
        lg_note(l,
                "partition %d: the topic was made anew or cut back; what it counted before is "
                "taken from SQL",
                i);
    } else if (unseen) {
        lg_note(l,
                "partition %d: offsets [%lld,%lld) are not in the log any more; what they counted "
                "as is taken from SQL",
                i, (long long)p->first, (long long)p->low);
    }
}

static int64_t lag_of(const struct ledger *l) {
    int64_t lag = 0;
    for (size_t i = 0; i < l->nparts; i++) {
        const struct lg_part *p = &l->parts[i];
        int64_t at = p->has_offset ? p->next : p->low;
        lag += p->high > at ? p->high - at : 0;
    }
    return lag;
}

void lg_way_offsets(struct ledger *l) {
    struct shown *v = show_all(l);
    int64_t holes = 0, gaps = 0;
    for (size_t i = 0; i < l->nparts; i++) {
        check_position(l, (int32_t)i);
        if (l->parts[i].has_ledger) {
            check_identity(l, (int32_t)i);
            check_columns(l, (int32_t)i, &v[i]);
        }
        holes += v[i].column[LG_COL_HOLE];
        gaps += v[i].column[LG_COL_GAP];
    }
    px_free(v);
    px_buf_printf(&l->facts, "offsets: %zu partitions, %lld holes, %lld in gaps\n", l->nparts,
                  (long long)holes, (long long)gaps);
    if (l->conf.live && lag_of(l)) {
        lg_note(l, "--live: %lld records at the end of the log are not in SQL yet: not compared",
                (long long)lag_of(l));
    }
}

/* --- the wait --------------------------------------------------------------------------------- */

static int64_t ends_sum(const struct ledger *l) {
    int64_t sum = 0;
    for (size_t i = 0; i < l->nparts; i++) {
        sum += l->parts[i].high;
    }
    return sum;
}

/* Unreachable servers are waited for too: they may just be coming back. */
static enum px_code look(struct ledger *l, struct px_err *reterr) {
    enum px_code rc = lg_log_ends(l, reterr);
    if (rc == PX_OK && l->db && !px_sql_alive(l->db)) {
        px_sql_close(l->db);
        l->db = NULL;
    }
    if (rc == PX_OK && !l->db) {
        rc = lg_sql_open(l, reterr);
    }
    return rc == PX_OK ? lg_sql_progress(l, reterr) : rc;
}

enum px_code lg_wait(struct ledger *l, struct px_err *reterr) {
    const struct timespec pause = {.tv_nsec = 500000000};
    px_us until = px_mono(&px_clock_system) + l->conf.wait;
    int64_t ended_at = -1;
    for (;;) {
        struct px_err err = PX_ERR_INIT;
        enum px_code rc = look(l, &err);
        bool over = px_mono(&px_clock_system) >= until;
        if (rc == PX_OK && lag_of(l) == 0 && ends_sum(l) == ended_at) {
            return PX_OK;
        }
        if (rc != PX_OK && (over || rc == PX_USAGE || rc == PX_CONFIG || rc == PX_NOT_FOUND)) {
            if (reterr) {
                *reterr = err;
            }
            return rc;
        }
        if (over) {
            return PX_OK; /* way 4 says where SQL stands */
        }
        ended_at = rc == PX_OK && lag_of(l) == 0 ? ends_sum(l) : -1;
        nanosleep(&pause, NULL);
    }
}
