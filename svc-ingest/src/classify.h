/* --classify: the verdict that a request would get, for who asks why something is a bot. */
#ifndef ING_CLASSIFY_H
#define ING_CLASSIFY_H

#include "service.h"

/* ing_classify(svc, agent, reterr): a command of px_app. Prints class, reason, and where it is
 * from. Errors: PX_USAGE (a header that does not tell a class), PX_IO, PX_NOMEM. */
enum px_code ing_classify(void *svc, const char *agent, struct px_err *reterr);

#endif
