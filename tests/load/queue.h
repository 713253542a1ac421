/* A queue of request numbers that grows: what is ready to be sent. */
#ifndef QUEUE_H
#define QUEUE_H

#include <px/base.h>

struct queue {
    uint32_t *v; /* power of two */
    size_t head, n, cap;
};
#define QUEUE_INIT ((struct queue){.v = NULL})

/* queue_push(q, i), queue_push_front(q, i): as the newest, as the oldest; false without memory. */
PX_MUST_USE bool queue_push(struct queue *q, uint32_t i);
PX_MUST_USE bool queue_push_front(struct queue *q, uint32_t i);
/* queue_pop(q): the oldest; ${q} is not empty. */
uint32_t queue_pop(struct queue *q);
void queue_fini(struct queue *q);

#endif
