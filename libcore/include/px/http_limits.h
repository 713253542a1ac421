/* The limits of an HTTP server, and what they did: sizes, numbers and times that no peer can pass.
 */
#ifndef PX_HTTP_LIMITS_H
#define PX_HTTP_LIMITS_H

#include <px/base.h>

/* Zero means the default of that limit. */
struct px_http_limits {
    size_t request_line; /* method + target + version; beyond: 414                  */
    size_t query;        /* raw query; beyond: 414                                   */
    size_t headers;      /* all field bytes; beyond: 431                             */
    size_t header_count; /* beyond: 431; at most 128                                 */
    size_t body;         /* beyond: 413                                              */
    size_t connections;  /* at this many, idle and slow ones give way, or accept pauses  */
    size_t handshakes;   /* TLS, at one time: beyond it the oldest gives way         */
    size_t per_address;  /* connections of one socket peer (IPv6: of its /64); 0 = any number */
    size_t memory;       /* input buffers above 4 KiB, of all connections; beyond: 503       */
    size_t body_rate;    /* bytes per second that a body must bring once body_grace is over  */
    px_us header_deadline, body_deadline, write_deadline,
        idle_deadline; /* absolute, not per byte */
    px_us body_grace;
    px_us turn; /* a turn of the loop that takes longer answers the rest of it with 503 */
};
/* 8 KiB line, 4 KiB query, 16 KiB and 64 headers, 256 KiB body, 10,000 connections, 1,024
 * handshakes, 64 MiB, 240 bytes/s, 5/10/15/60 s, 5 s, 250 ms. */
extern const struct px_http_limits px_http_default_limits;

/* What the limits did since the start, and the bytes in input buffers above 4 KiB now. */
struct px_http_pressure {
    uint64_t gave_way;    /* connections closed because another one needed the room */
    uint64_t turned_away; /* connections closed because their address has enough    */
    size_t memory;
};

#endif
