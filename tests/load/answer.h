/* One HTTP answer out of the bytes that a connection gave: only what the books need. Pure. */
#ifndef ANSWER_H
#define ANSWER_H

#include <px/str.h>

#define ANSWER_MAX ((size_t)64 * 1024) /* head and body; a longer one is broken */

enum answer_is {
    ANSWER_PART,  /* go on reading */
    ANSWER_WHOLE, /* the first n bytes */
    ANSWER_BROKEN /* not HTTP, or nothing that ingest says: the connection is of no more use */
};
struct answer {
    size_t n;
    int status;
    bool close;                             /* the peer will close, or cannot do otherwise */
    struct px_str event_id, received, code; /* views; n = 0: absent */
};

/* answer_read(bytes, ret): ${ret} is untouched unless the result is ANSWER_WHOLE. The body's length
 * is Content-Length, 0 without one; Transfer-Encoding is broken. */
enum answer_is answer_read(struct px_str bytes, struct answer *ret);

#endif
