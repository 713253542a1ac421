/* What the files of the room share. Nobody else may look inside. */
#ifndef ING_EXPLAIN_PRIV_H
#define ING_EXPLAIN_PRIV_H

#include "service.h"

#define EXPLAIN_TEXT_MAX ((size_t)64 * 1024)

/* ing_given_walk(svc, peer, value, ret, reterr): the walk from ${peer} with one value of the
 * believed field (.p NULL = it is absent), which ${ret} views. Errors: PX_USAGE (no address). */
PX_MUST_USE enum px_code ing_given_walk(const struct ing_svc *svc, struct px_str peer,
                                        struct px_str value, struct px_fwd_walk *ret,
                                        struct px_err *reterr);
/* ing_given_tell(svc, walk, json, out, reterr): ${walk} in the form that is asked for, with what
 * events would keep of its client. Errors: those of ing_address_init and px_buf_ok. */
PX_MUST_USE enum px_code ing_given_tell(const struct ing_svc *svc, const struct px_fwd_walk *walk,
                                        bool json, struct px_buf *out, struct px_err *reterr);

#endif
