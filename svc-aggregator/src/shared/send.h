/* The producer of a command (a replay, an erasure): writes a few records and waits until the log
 * has them. */
#ifndef AGG_SEND_H
#define AGG_SEND_H

#include <px/clock.h>
#include <px/kafka.h>

struct agg_sender;

struct agg_sending { /* one record */
    struct px_str key, value;
    struct px_str origin; /* header px-replay-of; n = 0 = none */
    /* what became of it */
    bool stored, too_large;
    int32_t partition;
    int64_t offset;
};

struct agg_sender_conf {
    const struct px_kafka_conf *kafka; /* all kept */
    const char *client_id, *topic;
    px_us timeout; /* longest wait for a delivery */
    const struct px_clock *clock;
};
PX_MUST_USE enum px_code agg_sender_open(const struct agg_sender_conf *conf,
                                         struct agg_sender **ret, struct px_err *reterr);
void agg_sender_close(struct agg_sender *s); /* NULL is fine */
/* agg_sender_put(s, v, n, reterr): send all, wait for all reports; each one's fate is in ${v}.
 * Errors: PX_UNAVAILABLE, PX_DENIED, PX_NOT_FOUND: at least one is not stored, or nobody knows; one
 * that is too large for the log is no error. */
PX_MUST_USE enum px_code agg_sender_put(struct agg_sender *s, struct agg_sending *v, size_t n,
                                        struct px_err *reterr);

#endif
