/* The table of error codes and the functions that fill an error object.
 * Every layer reports through here; nothing in this file logs or decides. */
#include <px/err.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct code_row {
    const char *name, *doc;
    int http, exit;
    unsigned flags;
};

static const struct code_row rows[] = {
#define PX_CODE(name, text, http, exit, flags, doc) {text, doc, http, exit, flags},
#include <px/err.def>
#undef PX_CODE
};

static const struct code_row ok_row = {"ok", "no error", 200, 0, 0};

/* A code that is in no row can only be our own slip: it counts as a defect. */
static const struct code_row *row_of(enum px_code code) {
    int ix = -(int)code - 1;
    if (code == PX_OK) {
        return &ok_row;
    }
    if (ix < 0 || (size_t)ix >= PX_ARRAY_LEN(rows)) {
        return &rows[PX_IX_INTERNAL];
    }
    return &rows[ix];
}

const char *px_code_name(enum px_code code) {
    return row_of(code)->name;
}

const char *px_code_doc(enum px_code code) {
    return row_of(code)->doc;
}

int px_code_http(enum px_code code) {
    return row_of(code)->http;
}

int px_code_exit(enum px_code code) {
    return row_of(code)->exit;
}

unsigned px_code_flags(enum px_code code) {
    return row_of(code)->flags;
}

/* Formats into a local text first: an argument may be the old message of the same object. */
static PX_PRINTF(2, 0) void store_msg(struct px_err *err, const char *fmt, va_list ap) {
    char text[PX_ERR_MSG_MAX];
    if (vsnprintf(text, sizeof text, fmt, ap) < 0) {
        text[0] = '\0';
    }
    memcpy(err->msg, text, sizeof text);
}

enum px_code px_err_set(struct px_err *reterr, enum px_code code, const char *where,
                        const char *fmt, ...) {
    if (!reterr) {
        return code;
    }
    va_list ap;
    va_start(ap, fmt);
    store_msg(reterr, fmt, ap);
    va_end(ap);
    reterr->code = code;
    reterr->flags = px_code_flags(code);
    reterr->native = 0;
    reterr->sqlstate[0] = '\0';
    reterr->where = where;
    return code;
}

enum px_code px_err_errno(struct px_err *reterr, enum px_code code, const char *where,
                          const char *what) {
    int native = errno;
    char text[96];
    px_err_set(reterr, code, where, "%s: %s", what, strerror_r(native, text, sizeof text));
    if (reterr) {
        reterr->native = native;
    }
    return code;
}

enum px_code px_err_context(struct px_err *reterr, const char *fmt, ...) {
    if (!reterr) {
        return PX_INTERNAL;
    }
    char old[PX_ERR_MSG_MAX];
    memcpy(old, reterr->msg, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    store_msg(reterr, fmt, ap);
    va_end(ap);
    size_t n = strlen(reterr->msg);
    snprintf(reterr->msg + n, sizeof reterr->msg - n, ": %s", old);
    return reterr->code;
}
