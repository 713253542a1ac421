/* Reads status line, fields and length of an answer; see answer.h. */
#include "answer.h"

#include <px/num.h>

#define STATUS_LINE 12 /* "HTTP/1.1 200" */

struct fields {
    struct answer a;
    int64_t length;
    bool broken;
};

/* The bytes from ${at} up to the next CRLF; false when there is none. */
static bool next_line(struct px_str s, size_t at, struct px_str *ret) {
    const char *from = s.p + at;
    const char *cr = memchr(from, '\r', s.n - at);

    while (cr && cr + 1 < s.p + s.n && cr[1] != '\n') {
        cr = memchr(cr + 1, '\r', (size_t)(s.p + s.n - cr - 1));
    }
    if (!cr || cr + 1 >= s.p + s.n) {
        return false;
    }
    *ret = (struct px_str){.p = from, .n = (size_t)(cr - from)};
    return true;
}

static bool read_status(struct px_str line, struct answer *a) {
    int64_t status;
    struct px_str digits = {.p = line.p + STATUS_LINE - 3, .n = 3};

    if (line.n < STATUS_LINE || !px_str_starts(line, PX_S("HTTP/1.")) || line.p[8] != ' ' ||
        !px_parse_i64(digits, 200, 599, &status) || (line.n > STATUS_LINE && line.p[12] != ' ')) {
        return false;
    }
    a->status = (int)status;
    a->close = line.p[7] != '1';
    return true;
}

static void read_field(struct px_str name, struct px_str value, struct fields *f) {
    if (px_str_ieq(name, PX_S("X-Event-Id"))) {
        f->a.event_id = value;
    } else if (px_str_ieq(name, PX_S("X-Received-At"))) {
        f->a.received = value;
    } else if (px_str_ieq(name, PX_S("X-Error-Code"))) {
        f->a.code = value;
    } else if (px_str_ieq(name, PX_S("Connection"))) {
        f->a.close = f->a.close || px_str_ieq(value, PX_S("close"));
    } else if (px_str_ieq(name, PX_S("Content-Length"))) {
        f->broken = f->broken || !px_parse_i64(value, 0, (int64_t)ANSWER_MAX, &f->length);
    } else if (px_str_ieq(name, PX_S("Transfer-Encoding"))) {
        f->broken = true;
    }
}

static void read_line(struct px_str line, struct fields *f) {
    size_t colon = px_str_find(line, ':');

    if (colon == line.n) {
        f->broken = true;
        return;
    }
    struct px_str value = {.p = line.p + colon + 1, .n = line.n - colon - 1};
    read_field((struct px_str){.p = line.p, .n = colon}, px_str_trim(value), f);
}

enum answer_is answer_read(struct px_str bytes, struct answer *ret) {
    struct fields f = {.a = {.n = 0}};
    struct px_str line;
    const enum answer_is more = bytes.n < ANSWER_MAX ? ANSWER_PART : ANSWER_BROKEN;

    if (!next_line(bytes, 0, &line)) {
        return more;
    }
    if (!read_status(line, &f.a)) {
        return ANSWER_BROKEN;
    }
    size_t at = line.n + 2;
    for (;;) {
        if (!next_line(bytes, at, &line)) {
            return f.broken ? ANSWER_BROKEN : more;
        }
        at += line.n + 2;
        if (line.n == 0) {
            break;
        }
        read_line(line, &f);
    }
    if (f.broken) {
        return ANSWER_BROKEN;
    }
    f.a.n = at + (size_t)f.length;
    if (f.a.n > ANSWER_MAX) {
        return ANSWER_BROKEN;
    }
    if (f.a.n > bytes.n) {
        return more;
    }
    *ret = f.a;
    return ANSWER_WHOLE;
}
