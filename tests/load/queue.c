/* A ring that doubles when it is full. */
#include "queue.h"

#include <px/mem.h>

static bool grow(struct queue *q) {
    size_t cap = q->cap ? 2 * q->cap : 1024;
    uint32_t *v = px_calloc2(cap, sizeof *v);

    if (!v) {
        return false;
    }
    for (size_t i = 0; i < q->n; i++) {
        v[i] = q->v[(q->head + i) & (q->cap - 1)];
    }
    px_free(q->v);
    *q = (struct queue){.v = v, .n = q->n, .cap = cap};
    return true;
}

bool queue_push(struct queue *q, uint32_t i) {
    if (q->n == q->cap && !grow(q)) {
        return false;
    }
    q->v[(q->head + q->n++) & (q->cap - 1)] = i;
    return true;
}

uint32_t queue_pop(struct queue *q) {
    px_assert(q->n > 0);
    uint32_t i = q->v[q->head];
    q->head = (q->head + 1) & (q->cap - 1);
    q->n--;
    return i;
}

bool queue_push_front(struct queue *q, uint32_t i) {
    if (q->n == q->cap && !grow(q)) {
        return false;
    }
    q->head = (q->head - 1) & (q->cap - 1);
    q->v[q->head] = i;
    q->n++;
    return true;
}

void queue_fini(struct queue *q) {
    px_free(q->v);
    *q = QUEUE_INIT;
}
