/* The input buffer of a connection: embedded while requests are small, larger ones borrowed from
 * the server's spares, so that a steady stream of large bodies allocates nothing. Knows no HTTP. */
#include "http_priv.h"

#include <px/mem.h>

#include <string.h>

void px_inbuf_init(struct px_inbuf *b) {
    b->p = b->embedded;
    b->cap = sizeof(b->embedded);
    b->start = b->end = 0;
}

static void put_back(struct px_http_server *s, char *p, size_t cap) {
    if (s->nspares == PX_HTTP_SPARES) {
        px_free(p);
        return;
    }
    s->spares[s->nspares++] = (struct px_spare){.p = p, .cap = cap};
}

/* A spare of at least ${cap}, else a new one. */
static char *obtain(struct px_http_server *s, size_t *cap) {
    for (size_t i = s->nspares; i-- > 0;) {
        if (s->spares[i].cap >= *cap) {
            struct px_spare found = s->spares[i];
            s->spares[i] = s->spares[--s->nspares];
            *cap = found.cap;
            return found.p;
        }
    }
    return px_alloc(*cap);
}

void px_inbuf_release(struct px_http_server *s, struct px_inbuf *b) {
    if (b->p != b->embedded) {
        put_back(s, b->p, b->cap);
    }
    px_inbuf_init(b);
}

static void move_down(struct px_inbuf *b) {
    memmove(b->p, b->p + b->start, b->end - b->start);
    b->end -= b->start;
    b->start = 0;
}

static bool grow(struct px_http_server *s, struct px_inbuf *b) {
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
    if (old != b->embedded) {
        put_back(s, old, old_cap);
    }
    return true;
}

size_t px_inbuf_room(struct px_http_server *s, struct px_inbuf *b, bool pinned) {
    if (b->end < b->cap || pinned) {
        return b->cap - b->end;
    }
    if (b->start > 0) {
        move_down(b);
    } else if (!grow(s, b)) {
        return 0;
    }
    return b->cap - b->end;
}
