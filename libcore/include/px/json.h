/* Reading JSON: a strict gate in front of cJSON, which accepts too much by itself. Refused: more
 * than
 * ${max} bytes, depth over 16, invalid UTF-8, NUL (raw or \u0000), lone surrogates, duplicate
 * members, raw control characters, leading zeros, trailing bytes, numbers outside +-2^53 or not
 * finite. */
#ifndef PX_JSON_H
#define PX_JSON_H

#include <px/err.h>
#include <px/str.h>

struct px_json;  /* a parsed document */
struct px_jnode; /* a value in it     */

#define PX_JSON_MAX_DEPTH 16

/* px_json_parse(text, max, ret, reterr): Gives: free with px_json_free.
 * Errors: PX_TOO_LARGE, PX_INVALID with byte offset and what was wrong, PX_NOMEM. Threads: owner.
 */
PX_MUST_USE enum px_code px_json_parse(struct px_str text, size_t max, struct px_json **ret,
                                       struct px_err *reterr);
void px_json_free(struct px_json *j);
const struct px_jnode *px_json_root(const struct px_json *j);

enum px_json_type {
    PX_JSON_NULL,
    PX_JSON_BOOL,
    PX_JSON_NUMBER,
    PX_JSON_STRING,
    PX_JSON_ARRAY,
    PX_JSON_OBJECT
};
/* px_json_type(n): what ${n} is. Threads: pure. */
enum px_json_type px_json_type(const struct px_jnode *n);
/* Exact, case-sensitive. NULL when absent or ${n} is not an object. */
const struct px_jnode *px_json_get(const struct px_jnode *n, const char *name);
/* Walk members or elements: px_json_first(n) (NULL when ${n} is, or has none), then
 * px_json_next(child). */
const struct px_jnode *px_json_first(const struct px_jnode *n);
const struct px_jnode *px_json_next(const struct px_jnode *child);
struct px_str px_json_name(const struct px_jnode *child);
struct px_str px_json_text(const struct px_jnode *n); /* STRING only, else .p NULL */
double px_json_double(const struct px_jnode *n);
/* True when the number was written as an integer; value in *ret. */
bool px_json_int(const struct px_jnode *n, int64_t *ret);
bool px_json_bool(const struct px_jnode *n);

#endif
