/* What a request needs while it is at work: a place with its fields and 4 KiB of input, taken from
 * the server when the first byte is there and given back when the connection is idle; and larger
 * input buffers, borrowed from the server's spares, so that a steady stream of large bodies
 * allocates nothing. All that peers can make it hold is bounded. Knows no HTTP. */
#include "http_priv.h"

#include <px/mem.h>

#include <string.h>

static void put_back(struct px_http_server *s, char *p, size_t cap) {
    s->pressure.memory -= cap;
    if (s->nspares == PX_HTTP_SPARES) {
        px_free(p);
        return;
    }
    s->spares[s->nspares++] = (struct px_spare){.p = p, .cap = cap};
}

/* A spare of at least ${cap}, else a new one. */
static char *obtain(struct px_http_server *s, size_t *cap) {
    size_t used = s->pressure.memory, most = s->conf.limits.memory;
    size_t room = used < most ? most - used : 0;
    if (*cap > room) {
        return NULL;
    }
    for (size_t i = s->nspares; i-- > 0;) {
        if (s->spares[i].cap >= *cap && s->spares[i].cap <= room) {
            struct px_spare found = s->spares[i];
            s->spares[i] = s->spares[--s->nspares];
            *cap = found.cap;
            s->pressure.memory += *cap;
            return found.p;
        }
    }
    char *p = px_alloc(*cap);
    s->pressure.memory += p ? *cap : 0;
    return p;
}

bool px_work_take(struct px_http_conn *c) {
    struct px_http_server *s = c->server;
    if (c->work) {
        return true;
    }
    struct px_work *w = s->works;
    if (w) {
        s->works = w->next;
        s->nworks--;
    } else if (!(w = px_alloc(sizeof(*w)))) {
        return false;
    }
    c->work = w;
    c->in = (struct px_inbuf){.p = w->bytes, .cap = sizeof(w->bytes)};
    px_conn_request(c);
    return true;
}

void px_work_give(struct px_http_conn *c) {
    struct px_http_server *s = c->server;
    struct px_work *w = c->work;
    if (!w) {
        return;
    }
    if (c->in.p != w->bytes) {
        put_back(s, c->in.p, c->in.cap);
    }
    c->in = (struct px_inbuf){.p = NULL};
    c->work = NULL;
    if (s->nworks == PX_HTTP_SPARE_WORKS) {
        px_free(w);
        return;
    }
    w->next = s->works;
    s->works = w;
    s->nworks++;
}

void px_work_free(struct px_http_server *s) {
    while (s->works) {
        struct px_work *w = s->works;
        s->works = w->next;
        px_free(w);
    }
    for (size_t i = 0; i < s->nspares; i++) {
        px_free(s->spares[i].p);
    }
    s->nspares = 0;
}

static void move_down(struct px_inbuf *b) {
    memmove(b->p, b->p + b->start, b->end - b->start);
    b->end -= b->start;
    b->start = 0;
}

static bool grow(struct px_http_conn *c) {
    struct px_http_server *s = c->server;
    struct px_inbuf *b = &c->in;
    size_t cap = b->cap * 2 < s->buf_max ? b->cap * 2 : s->buf_max;
    px_assert(cap > b->cap); /* the gate refuses what cannot fit before that */
    char *p = obtain(s, &cap);
    if (!p) {
        return false;
    }
    char *old = b->p;
    size_t old_cap = b->cap;
    memcpy(p, b->p, b->end);
    b->p = p;
    b->cap = cap;
    if (old != c->work->bytes) {
        put_back(s, old, old_cap);
    }
    return true;
}

size_t px_inbuf_room(struct px_http_conn *c, bool pinned) {
    struct px_inbuf *b = &c->in;
    if (b->end < b->cap || pinned) {
        return b->cap - b->end;
    }
    if (b->start > 0) {
        move_down(b);
    } else if (!grow(c)) {
        return 0;
    }
    return b->cap - b->end;
}
