/* The error object: what happened, and above all what the caller can do about it.
 * Filled where the error is first known; callers branch on code and flags, never on text. */
#ifndef PX_ERR_H
#define PX_ERR_H

#include <px/base.h>

/* What to do. Combined in px_err.flags; each code has default flags in err.def. */
enum {
    PX_RETRY = 1 << 0,    /* the same call may succeed later                      */
    PX_FATAL = 1 << 1,    /* the object is of no more use                         */
    PX_ABORT_TX = 1 << 2, /* the transaction must be rolled back, never committed */
    PX_USER = 1 << 3,     /* the peer or user caused it and can mend it           */
};

enum px_code_index {
#define PX_CODE(name, text, http, exit, flags, doc) PX_IX_##name,
#include <px/err.def>
#undef PX_CODE
};

/* PX_OK is 0, everything else negative. */
enum px_code {
    PX_OK = 0,
#define PX_CODE(name, text, http, exit, flags, doc) PX_##name = -(PX_IX_##name + 1),
#include <px/err.def>
#undef PX_CODE
};

#define PX_ERR_MSG_MAX 232

struct px_err {
    enum px_code code;
    unsigned flags;    /* PX_RETRY ...                                          */
    int native;        /* errno, librdkafka error, SQL native code; 0 = none    */
    char sqlstate[6];  /* "" when it does not come from SQL                     */
    const char *where; /* "file:line" of the first report                       */
    char msg[PX_ERR_MSG_MAX];
};

#define PX_ERR_INIT ((struct px_err){.code = PX_OK})

#define PX_STR_(x) #x
#define PX_STR(x)  PX_STR_(x)
#define PX_HERE    __FILE__ ":" PX_STR(__LINE__)

/* PX_FAIL(reterr, code, "format", ...): fill ${reterr} (may be NULL) and evaluate to ${code}.
 *     return PX_FAIL(reterr, PX_INVALID, "%s: not a number", name); */
#define PX_FAIL(reterr, code, ...) px_err_set((reterr), (code), PX_HERE, __VA_ARGS__)

/* px_err_set(reterr, code, where, fmt, ...): store code, its default flags, place and message in
 * ${reterr} unless it is NULL; return ${code}. The message is cut, never overrun. Threads: any. */
enum px_code px_err_set(struct px_err *reterr, enum px_code code, const char *where,
                        const char *fmt, ...) PX_PRINTF(4, 5);

/* px_err_errno(reterr, code, where, what): like px_err_set with errno's text behind ${what}. */
enum px_code px_err_errno(struct px_err *reterr, enum px_code code, const char *where,
                          const char *what);

/* px_err_context(reterr, fmt, ...): put "text: " before the message; at most once per layer.
 * Returns the code already stored. ${reterr} may be NULL (returns PX_INTERNAL then). */
enum px_code px_err_context(struct px_err *reterr, const char *fmt, ...) PX_PRINTF(2, 3);

/* Facts of a code from err.def. */
const char *px_code_name(enum px_code code);
const char *px_code_doc(enum px_code code);
int px_code_http(enum px_code code);
int px_code_exit(enum px_code code);
unsigned px_code_flags(enum px_code code);

#endif
