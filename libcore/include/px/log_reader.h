/* Reads what a topic holds now, once, from outside: no group, no commit, nothing left behind. For
 * people who look at a log (dead letters); the service's own reading is px_consumer, whose offsets
 * come from SQL. The ends are those at the time of opening, so that a reader comes to an end
 * whatever is written meanwhile. */
#ifndef PX_LOG_READER_H
#define PX_LOG_READER_H

#include <px/kafka.h>

struct px_log_reader;

struct px_log_reader_conf {
    const struct px_kafka_conf *kafka; /* kept */
    const char *client_id, *topic;     /* kept */
    px_us since;   /* only records written at or after it, as their timestamps say; 0 = all */
    px_us timeout; /* longest wait for an answer, and for the next record */
};

/* px_log_reader_open(conf, ret, reterr): ask for the partitions and their ends. Errors:
 * PX_UNAVAILABLE (names the brokers), PX_DENIED, PX_NOT_FOUND (no such topic), PX_CONFIG, PX_NOMEM.
 * Threads: owner. */
PX_MUST_USE enum px_code px_log_reader_open(const struct px_log_reader_conf *conf,
                                            struct px_log_reader **ret, struct px_err *reterr);
void px_log_reader_close(struct px_log_reader *r); /* NULL is fine; free the message before */

/* px_log_reader_next(r, ret, reterr): the next record, partition by partition in the order of their
 * offsets; give it back with px_message_free. PX_NO_ROW: all was read. A few MiB are fetched ahead,
 * whatever the topic holds. Errors: PX_UNAVAILABLE (nothing came within conf.timeout), PX_GAP (what
 * was next has been deleted meanwhile), PX_DENIED, PX_DEAD (a batch that cannot be read). */
PX_MUST_USE enum px_code px_log_reader_next(struct px_log_reader *r, struct px_message *ret,
                                            struct px_err *reterr);

/* px_log_reader_rewind(r, reterr): begin again, up to the same ends. Errors: as open. */
PX_MUST_USE enum px_code px_log_reader_rewind(struct px_log_reader *r, struct px_err *reterr);

#endif
