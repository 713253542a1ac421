/* The transport of a connection: bytes as they are, or through TLS. Private to src/http. */
#ifndef PX_WIRE_PRIV_H
#define PX_WIRE_PRIV_H

#include <px/tls.h>

#include <sys/types.h>

struct px_http_conn;

/* How bytes move on a connection. */
struct px_wire {
    struct ssl_st *ssl; /* NULL: as they are */
    bool more;          /* bytes were read ahead; the socket will not announce them again */
    bool may_read;      /* the socket was not read yet since it was announced readable */
    bool ended;         /* the peer closed its side of the socket */
    bool sound;         /* the handshake is done and nothing has broken since */
    size_t sealed;      /* bytes that were taken from the socket and not yet read */
};

/* px_wire_open(c): the transport of the server on c->fd; false without memory. px_wire_close(c):
 * tells the peer, as far as that can be done without waiting, and closes the socket. */
bool px_wire_open(struct px_http_conn *c);
void px_wire_close(struct px_http_conn *c);
/* px_wire_reset(c): its close will be a reset, and the kernel forgets what was not taken. */
void px_wire_reset(struct px_http_conn *c);
/* What moving bytes came to, beside their number. */
enum {
    PX_WIRE_END = 0,
    PX_WIRE_LATER = -1, /* when the socket is readable, or writable */
    PX_WIRE_BROKEN = -2
};
/* px_wire_recv(c, p, n): up to ${n} bytes, at least one. PX_WIRE_END: the peer sends no more, and
 * said so. */
ssize_t px_wire_recv(struct px_http_conn *c, char *p, size_t n);
/* px_wire_drop(c): what the peer sent, of whatever meaning, is read and forgotten; how much. */
ssize_t px_wire_drop(struct px_http_conn *c);
/* px_wire_send(c, parts, n, total): the first bytes of ${parts} together; how many. After
 * PX_WIRE_LATER the same bytes must be sent first. */
ssize_t px_wire_send(struct px_http_conn *c, const struct px_str *parts, size_t n, size_t total);
void px_wire_end(struct px_http_conn *c); /* nothing more will be sent */
/* px_wire_shake(c): the handshake of TLS, as far as it goes now. */
struct px_shake {
    bool done, failed, write; /* none: it waits until the socket can be read, or written */
};
struct px_shake px_wire_shake(struct px_http_conn *c);
void px_wire_fault(struct px_http_conn *c, enum px_tls_fault why); /* counts it */
/* px_wire_partial(c): whether a part of a TLS record is here. */
bool px_wire_partial(const struct px_http_conn *c);

#endif
