/* The table dead_letter_replays, and a look into events. Knows rows, not what follows from them. */
#include "replay_sql.h"

#include "settings.h"

#include <px/failpoint.h>

#define ROWS_MAX                                                                                   \
    (1 << 20) /* bytes of one parameter: a chunk of topic names and ids is far below               \
               */
#define RETRIES 5

static const char *const event_columns[] = {"id"};
static const enum px_column event_types[] = {PX_COL_UUID};
static const struct px_table_stmt event_ids = {.table = "events",
                                               .columns = event_columns,
                                               .types = event_types,
                                               .ncolumns = 1,
                                               .nkeys = 1,
                                               .returning = event_columns,
                                               .nreturning = 1};

static const char *const replay_columns[] = {"log_id",       "topic",    "partition_id",
                                             "offset",       "event_id", "replayed_at",
                                             "to_partition", "to_offset"};
static const enum px_column replay_types[] = {PX_COL_TEXT, PX_COL_TEXT, PX_COL_INT, PX_COL_INT,
                                              PX_COL_UUID, PX_COL_TIME, PX_COL_INT, PX_COL_INT};
static_assert(PX_ARRAY_LEN(replay_columns) == PX_ARRAY_LEN(replay_types), "one type per column");
#define REPLAY_KEYS 4
static const struct px_table_stmt replay_keys = {.table = "dead_letter_replays",
                                                 .columns = replay_columns,
                                                 .types = replay_types,
                                                 .ncolumns = REPLAY_KEYS,
                                                 .nkeys = REPLAY_KEYS,
                                                 .returning = replay_columns,
                                                 .nreturning = REPLAY_KEYS};
static const struct px_table_stmt replay_rows = {.table = "dead_letter_replays",
                                                 .columns = replay_columns,
                                                 .types = replay_types,
                                                 .ncolumns = PX_ARRAY_LEN(replay_columns),
                                                 .nkeys = REPLAY_KEYS};

static enum px_code table(struct agg_replay_sql *q, struct agg_table *t,
                          const struct px_table_stmt *def, px_render_set *render,
                          struct px_err *reterr) {
    enum px_code rc = agg_table_init(t, px_sql_dialect(q->sql), def, ROWS_MAX, reterr);
    t->render = render;
    return rc == PX_OK ? agg_table_prepare(t, q->sql, reterr) : rc;
}

enum px_code agg_replay_sql_open(struct agg_replay_sql *q, const struct px_sql_conf *conf,
                                 bool write, struct px_err *reterr) {
    *q = (struct agg_replay_sql){.sql = NULL};
    enum px_code rc = px_sql_open(conf, write ? PX_SQL_WRITE : PX_SQL_READ, &q->sql, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    const struct px_dialect *d = px_sql_dialect(q->sql);
    rc = table(q, &q->events, &event_ids, d->lookup, reterr);
    rc = rc == PX_OK ? table(q, &q->replays, &replay_keys, d->lookup, reterr) : rc;
    rc = rc == PX_OK ? agg_stmt(q->sql, PX_ST_SETTING_GET, &q->setting, reterr) : rc;
    if (rc == PX_OK && write) {
        rc = table(q, &q->remember, &replay_rows, d->append, reterr);
    }
    if (rc != PX_OK) {
        agg_replay_sql_close(q);
    }
    return rc;
}

void agg_replay_sql_close(struct agg_replay_sql *q) {
    px_sql_close(q->sql); /* its statements go with it */
    agg_table_fini(&q->events);
    agg_table_fini(&q->replays);
    agg_table_fini(&q->remember);
    *q = (struct agg_replay_sql){.sql = NULL};
}

/* --- asking ----------------------------------------------------------------------------------- */

static void is_counted(struct agg_replay_row *v, size_t n, const struct px_stmt *st) {
    struct px_uuid id;
    if (!px_uuid_parse(px_col_text(st, 0), &id)) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        v[i].counted = v[i].counted || (v[i].has_id && memcmp(&v[i].event_id, &id, sizeof id) == 0);
    }
}

static void is_replayed(struct agg_replay_row *v, size_t n, const struct px_stmt *st) {
    for (size_t i = 0; i < n; i++) {
        v[i].replayed = v[i].replayed ||
                        (px_str_eq(px_col_text(st, 0), v[i].log_id) &&
                         px_str_eq(px_col_text(st, 1), v[i].topic) &&
                         px_col_i64(st, 2) == v[i].partition && px_col_i64(st, 3) == v[i].offset);
    }
}

typedef void found_fn(struct agg_replay_row *v, size_t n, const struct px_stmt *st);

static enum px_code look_up(struct agg_table *t, struct agg_replay_row *v, size_t n, found_fn *fn,
                            struct px_err *reterr) {
    enum px_code rc = agg_table_run(t, reterr);
    if (rc != PX_OK || px_rows_count(t->rows) == 0) {
        return rc;
    }
    while ((rc = px_stmt_next(t->st, reterr)) == PX_OK) {
        fn(v, n, t->st);
    }
    px_stmt_end(t->st);
    return rc == PX_NO_ROW ? PX_OK : rc;
}

static void key_cells(struct px_rows *rows, const struct agg_replay_row *r) {
    px_rows_text(rows, r->log_id);
    px_rows_text(rows, r->topic);
    px_rows_i64(rows, r->partition);
    px_rows_i64(rows, r->offset);
}

static void id_cell(struct px_rows *rows, const struct agg_replay_row *r) {
    char id[PX_UUID_TEXT];
    px_uuid_fmt(&r->event_id, id);
    px_rows_text(rows, (struct px_str){.p = id, .n = sizeof id});
}

enum px_code agg_replay_sql_ask(struct agg_replay_sql *q, struct agg_replay_row *v, size_t n,
                                struct px_err *reterr) {
    px_assert(n <= AGG_REPLAY_CHUNK);
    px_rows_reset(q->events.rows);
    px_rows_reset(q->replays.rows);
    for (size_t i = 0; i < n; i++) {
        v[i].replayed = v[i].counted = false;
        key_cells(q->replays.rows, &v[i]);
        if (v[i].has_id) {
            id_cell(q->events.rows, &v[i]);
        }
    }
    enum px_code rc = agg_setting_day(q->setting, AGG_CLAIMS_FROM, &q->claims_from, reterr);
    rc = rc == PX_OK ? look_up(&q->replays, v, n, is_replayed, reterr) : rc;
    return rc == PX_OK ? look_up(&q->events, v, n, is_counted, reterr) : rc;
}

/* --- remembering ------------------------------------------------------------------------------ */

static enum px_code store(struct agg_replay_sql *q, struct px_err *reterr) {
    enum px_outcome outcome = PX_ROLLED_BACK;
    enum px_code rc = px_tx_begin(q->sql, reterr);
    rc = rc == PX_OK ? agg_table_store(&q->remember, reterr) : rc;
    if (rc != PX_OK) {
        px_tx_rollback(q->sql);
        return rc;
    }
    return px_tx_commit(q->sql, &outcome, reterr);
}

enum px_code agg_replay_sql_remember(struct agg_replay_sql *q, struct agg_replay_row *const *v,
                                     size_t n, px_us now, struct px_err *reterr) {
    px_rows_reset(q->remember.rows);
    for (size_t i = 0; i < n; i++) {
        key_cells(q->remember.rows, v[i]);
        id_cell(q->remember.rows, v[i]);
        px_rows_i64(q->remember.rows, now);
        px_rows_i64(q->remember.rows, v[i]->to_partition);
        px_rows_i64(q->remember.rows, v[i]->to_offset);
    }
    /* The aggregators write meanwhile: a lock that is theirs passes. */
    enum px_code rc = PX_SQL_RETRY;
    for (unsigned i = 0; i < RETRIES && rc == PX_SQL_RETRY && px_sql_alive(q->sql); i++) {
        rc = store(q, reterr);
    }
    PX_FAILPOINT("agg.replay_remembered");
    return rc;
}
