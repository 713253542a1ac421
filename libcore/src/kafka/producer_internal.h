/* The parts of the producer: table of accepted messages, the handle and its rebuild, background
 * tasks. Everything belongs to the owner's thread but for the two tasks, which touch only their own
 * struct and the librdkafka handle. */
#ifndef PX_KAFKA_PRODUCER_INTERNAL_H
#define PX_KAFKA_PRODUCER_INTERNAL_H

#include "kafka_internal.h"
#include <pthread.h>
#include <stdatomic.h>

/* Accepted and not yet reported messages. A message's opaque is its slot + 1, so even when a handle
 * must be given up, every accepted message is known and gets its one report. */
struct px_slots {
    uint64_t *tags;
    uint32_t *next; /* free list, or PX_SLOT_USED */
    uint32_t cap;   /* slots there are                               */
    uint32_t fresh; /* slots never used yet start here               */
    uint32_t free;  /* head of the free list, PX_SLOT_NONE when empty */
};
#define PX_SLOT_NONE UINT32_MAX
#define PX_SLOT_USED (UINT32_MAX - 1)

PX_MUST_USE enum px_code px_slots_init(struct px_slots *s, int64_t cap, struct px_err *reterr);
void px_slots_fini(struct px_slots *s);
PX_MUST_USE bool px_slots_take(struct px_slots *s, uint64_t tag, uint32_t *ret_slot);
/* px_slots_give(s, slot, ret_tag): false when the slot is not in use (a second report: our bug or
 * the library's, never to be passed on). */
PX_MUST_USE bool px_slots_give(struct px_slots *s, uint32_t slot, uint64_t *ret_tag);

/* Work that may block, on its own thread. `done` is set last by the thread. */
struct px_kafka_task {
    pthread_t thread;
    rd_kafka_t *rk;
    int wake_fd;
    bool running;
    atomic_bool done;
    bool ok;
};
/* px_kafka_task_start(t, fn): false when no thread can be had. */
PX_MUST_USE bool px_kafka_task_start(struct px_kafka_task *t, void *(*fn)(void *task));
/* px_kafka_task_collect(t): join a finished task; true when it was running and is done now. */
bool px_kafka_task_collect(struct px_kafka_task *t);
void px_kafka_task_join(struct px_kafka_task *t); /* waits */

enum px_producer_phase {
    PX_PRODUCER_LIVE,     /* accepting                                                   */
    PX_PRODUCER_DRAINING, /* fatal: the old handle's reports come in, or are given up    */
    PX_PRODUCER_WAITING,  /* no handle; a new one is due at reopen_at                    */
};

struct px_topic {
    struct px_topic *next;
    rd_kafka_topic_t *rkt; /* of the present handle; NULL between handles */
    char *name;
};

#define PX_PRODUCER_REAPERS 4 /* old handles being destroyed at one time */

struct px_producer {
    struct px_producer_conf conf;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    struct px_topic *topics;
    struct px_slots slots;
    struct px_producer_state state;
    enum px_producer_phase phase;
    int fd;
    bool purged;
    unsigned failures; /* fatal errors since the last persisted message */
    px_us phase_since, reopen_at, probe_at;
    uint64_t jitter; /* state of the backoff's random sequence */
    struct px_kafka_task prober, reapers[PX_PRODUCER_REAPERS];
};

/* producer_handle.c: open and close the librdkafka handle under a producer. */
PX_MUST_USE enum px_code px_producer_handle_open(struct px_producer *p, struct px_err *reterr);
PX_MUST_USE enum px_code px_producer_topic_bind(struct px_producer *p, struct px_topic *t,
                                                struct px_err *reterr);
/* px_producer_handle_detach(p): let go of topics and queue; the handle itself is left to the
 * caller. */
rd_kafka_t *px_producer_handle_detach(struct px_producer *p);

/* producer.c: reports. */
size_t px_producer_drain(struct px_producer *p, px_us wait, size_t max);
/* px_producer_give_up(p): report everything still in flight as MAYBE_PERSISTED. */
size_t px_producer_give_up(struct px_producer *p);

/* producer_rebuild.c */
void px_producer_fatal(struct px_producer *p);
size_t px_producer_move(struct px_producer *p);
void px_producer_probe(struct px_producer *p);
void px_producer_tasks_join(struct px_producer *p);

#endif
