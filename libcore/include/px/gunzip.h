/* Inflating what a peer compressed with gzip, within bounds: output, members, and how much may come
 * out of how little. For bodies of requests; whole in memory on both sides. */
#ifndef PX_GUNZIP_H
#define PX_GUNZIP_H

#include <px/buf.h>

/* Members of one stream, as `cat a.gz b.gz` makes them. */
#define PX_GUNZIP_MEMBERS 16
/* Beyond so many bytes of output a byte of input may stand for at most RATIO bytes. Text that
 * repeats itself stays far below; only what was made for it comes near the 1032 of the format. */
#define PX_GUNZIP_FREE  (64 * 1024)
#define PX_GUNZIP_RATIO 100

/* px_gunzip(in, out, reterr): append to ${out} the text of the whole gzip stream ${in}: one or more
 * members, each complete with its checksum and length, and not a byte behind them. Stops at the
 * first bound that is passed, so that the work is bounded too. ${out}: its max is the bound; what
 * it holds after a failure means nothing.
 * Errors: PX_TOO_LARGE (more than ${out} may hold, or too much out of too little), PX_INVALID (no
 * gzip, cut short, damaged, trailing bytes, too many members), PX_NOMEM.
 * Threads: pure. Source: RFC 1952. */
PX_MUST_USE enum px_code px_gunzip(struct px_str in, struct px_buf *out, struct px_err *reterr);

#endif
