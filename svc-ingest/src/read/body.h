/* What the header says of the body of POST /api/events: how it is compressed and which shape it
 * has. Says nothing about the events in it. */
#ifndef ING_BODY_H
#define ING_BODY_H

#include <px/str.h>

enum ing_form {
    ING_FORM_JSON, /* one event, an array, or {"events":[...]} */
    ING_FORM_LINES /* one event a line */
};
enum ing_coding {
    ING_CODING_NONE,
    ING_CODING_GZIP
};

#define ING_BODY_MAX ((size_t)256 * 1024) /* as it comes, and inflated */

/* What is taken, for 415. Source: RFC 9110 15.5.16. */
#define ING_BODY_TYPES   "application/json, application/x-ndjson, application/jsonl, text/plain"
#define ING_BODY_CODINGS "gzip"

/* ing_body_form(type, twice, ret): the value of Content-Type (.p NULL = none); ${twice}: it was
 * given more than once. Parameters are not looked at: bytes are always UTF-8. None means JSON:
 * beacons of bytes have none, and anything but JSON is refused when it is read. False: another
 * type. Threads: pure. */
PX_MUST_USE bool ing_body_form(struct px_str type, bool twice, enum ing_form *ret);
/* ing_body_coding(coding, twice, ret): the same for Content-Encoding. False: anything but gzip, or
 * more than one. Threads: pure. */
PX_MUST_USE bool ing_body_coding(struct px_str coding, bool twice, enum ing_coding *ret);

#endif
