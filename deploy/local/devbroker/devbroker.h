/* The dev broker's settings and its three steps. A tool for `make run`: a Kafka cluster in one
 * small process that keeps everything in memory and forgets it at the end. */
#ifndef PX_DEVBROKER_H
#define PX_DEVBROKER_H

#include <px/err.h>

#define DEVBROKER_TOPICS 16
#define DEVBROKER_LOG_ID 32

struct devbroker_topic {
    char name[250];
    int partitions;
};

struct devbroker_conf {
    int brokers;
    int delay_ms;             /* of every answer */
    const char *address_file; /* NULL = none */
    struct devbroker_topic topics[DEVBROKER_TOPICS];
    size_t ntopics;
    bool help;
};

/* devbroker_args(argc, argv, ret, reterr): Errors: PX_USAGE. */
PX_MUST_USE enum px_code devbroker_args(int argc, char **argv, struct devbroker_conf *ret,
                                        struct px_err *reterr);
extern const char devbroker_usage[];

struct devbroker;
/* devbroker_start(conf, ret, reterr): brokers listen on free ports of 127.0.0.1, topics exist.
 * Errors: PX_UNAVAILABLE, PX_NOMEM, PX_CONFIG. */
PX_MUST_USE enum px_code devbroker_start(const struct devbroker_conf *conf, struct devbroker **ret,
                                         struct px_err *reterr);
const char *devbroker_bootstrap(const struct devbroker *d);
/* A name for this life of the log: random, because offsets start at 0 again in the next. */
const char *devbroker_log_id(const struct devbroker *d);
void devbroker_stop(struct devbroker *d);

/* devbroker_announce(d, path, reterr): write KAFKA_BOOTSTRAP=, KAFKA_LOG_ID= and KAFKA_PID= to a
 * file that a shell can source; it appears complete or not at all. Errors: PX_IO. */
PX_MUST_USE enum px_code devbroker_announce(const struct devbroker *d, const char *path,
                                            struct px_err *reterr);

#endif
