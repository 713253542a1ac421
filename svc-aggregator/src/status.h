/* What the aggregator thread tells the others (admin port, watchdog, main thread), and the wish to
 * stop that they tell it. One small lock, held for a few instructions. */
#ifndef AGG_STATUS_H
#define AGG_STATUS_H

#include <px/err.h>

#include <pthread.h>

/* A snapshot. Times are of the mono clock; 0 = never. */
struct agg_view {
    px_us beat;                   /* the thread's loop turned                        */
    px_us tx_since;               /* a transaction is open since; 0 = none           */
    bool sql_up;                  /* a connection is open and prepared               */
    bool kafka_up;                /* joined the group, and a broker answers          */
    size_t owned, paused;         /* partitions                                */
    char trouble[PX_ERR_MSG_MAX]; /* the last failure that is not over */
};

struct agg_status {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* stop or done, on the mono clock */
    struct agg_view view;
    bool stop, done;
};

/* All calls: Threads: any, but for init and fini. */
void agg_status_init(struct agg_status *s);
void agg_status_fini(struct agg_status *s);

void agg_status_beat(struct agg_status *s, px_us mono);
void agg_status_tx(struct agg_status *s, px_us since); /* 0 = it ended */
void agg_status_sql(struct agg_status *s, bool up, const struct px_err *trouble);
void agg_status_kafka(struct agg_status *s, bool up, size_t owned, size_t paused);
struct agg_view agg_status_get(struct agg_status *s);

void agg_status_ask_stop(struct agg_status *s);
bool agg_status_stopping(struct agg_status *s);
/* agg_status_sleep(s, span): wait ${span} or until a stop is asked; true = asked. */
bool agg_status_sleep(struct agg_status *s, px_us span);
void agg_status_set_done(struct agg_status *s); /* the thread's last word */
/* agg_status_wait_done(s, span): wait at most ${span} for it; true = it is done. */
bool agg_status_wait_done(struct agg_status *s, px_us span);

#endif
