/* The database side of one worker thread: a connection, its prepared statements, and the reads that
 * endpoints are made of. Only this file of the service knows statements. */
#ifndef API_DB_H
#define API_DB_H

#include <px/hash.h>
#include <px/sql.h>
#include <px/statements.h>
#include <px/traffic.h>

#include "counts.h"

/* How fresh and complete the numbers are. */
struct api_freshness {
    bool known;       /* at least one partition has been looked at     */
    px_us as_of;      /* when the snapshot was taken                   */
    px_us watermark;  /* everything received before it is in the sums  */
    int64_t revision; /* grows with every commit                       */
};

struct api_rollup_row {
    px_us bucket;
    struct px_str dim[3];
    int64_t value;
};

struct api_db {
    const struct px_sql_conf *conf;
    const struct px_catalog *catalog;
    struct px_sql *sql;                  /* NULL when not connected */
    struct px_stmt *stmt[PX_STATEMENTS]; /* prepared on first use   */
};

void api_db_init(struct api_db *db, const struct px_sql_conf *conf,
                 const struct px_catalog *catalog);
void api_db_fini(struct api_db *db);

/* api_db_begin(db, reterr): connect if necessary and open a read snapshot. api_db_end closes it,
 * and drops the connection when it was lost. */
PX_MUST_USE enum px_code api_db_begin(struct api_db *db, struct px_err *reterr);
void api_db_end(struct api_db *db, enum px_code outcome);

/* api_db_ping(db, reterr): one round trip. api_db_try_write(db, reterr): try to store a setting
 * inside the open snapshot; PX_OK means that it was accepted (the caller's rollback undoes it). For
 * probes. */
PX_MUST_USE enum px_code api_db_ping(struct api_db *db, struct px_err *reterr);
PX_MUST_USE enum px_code api_db_try_write(struct api_db *db, struct px_err *reterr);

/* api_db_freshness(db, now, ret): from the partitions of the log that was looked at last. Refuses
 * with PX_CONFIG when the database cuts its days in another zone than configured. */
PX_MUST_USE enum px_code api_db_freshness(struct api_db *db, px_us now, struct api_freshness *ret,
                                          struct px_err *reterr);

/* api_db_tables(db, reterr): can every table of the answers be read? Asks each for an empty range.
 * Errors: PX_SCHEMA, PX_DENIED, naming the table; PX_SQL*. */
PX_MUST_USE enum px_code api_db_tables(struct api_db *db, struct px_err *reterr);

/* api_db_counts(db, filter, counts): add the rows of counts->range. Names with .p NULL do not
 * filter; one of the two at most is given. */
struct api_filter {
    struct px_str banner, type;
};
PX_MUST_USE enum px_code api_db_counts(struct api_db *db, const struct api_filter *filter,
                                       struct api_counts *counts, struct px_err *reterr);

/* What traffic=human left out of an answer, by class. */
#define API_CLASSES 32
struct api_left_out {
    const bool *shown; /* by type: the answer shows it; NULL = all */
    struct {
        char word[PX_TRAFFIC_MAX + 1];
        int64_t n;
    } v[API_CLASSES]; /* the last one is for classes that find no room */
    size_t n;
    int64_t unclassified; /* not left out: nobody said what they are */
};
/* api_db_leave_out(db, filter, counts, left_out, reterr): take what no person caused out of
 * ${counts}, which are of whole days, and add it to ${left_out} (NULL: nobody asks). */
PX_MUST_USE enum px_code api_db_leave_out(struct api_db *db, const struct api_filter *filter,
                                          struct api_counts *counts, struct api_left_out *left_out,
                                          struct px_err *reterr);

/* api_db_traffic(db, range, arena, ret_rows, reterr): counted events by class and reason, sorted.
 * At most API_ROLLUP_ROWS, else PX_TOO_LARGE. */
struct api_traffic_row {
    struct px_str class, reason; /* reason: n = 0: none */
    int64_t n;
};
struct api_traffic {
    struct api_traffic_row *v;
    size_t n;
};
PX_MUST_USE enum px_code api_db_traffic(struct api_db *db, const struct api_range *range,
                                        struct px_arena *arena, struct api_traffic *ret,
                                        struct px_err *reterr);

/* api_db_rollup(db, name, range, arena, ret_rows, ret_n): at most API_ROLLUP_ROWS, else
 * PX_TOO_LARGE. */
#define API_ROLLUP_ROWS 20000
struct api_rollup_query {
    struct px_str name;
    const struct api_range *range;
    struct px_arena *arena;
};
PX_MUST_USE enum px_code api_db_rollup(struct api_db *db, const struct api_rollup_query *q,
                                       struct api_rollup_row **ret_rows, size_t *ret_n,
                                       struct px_err *reterr);

#endif
