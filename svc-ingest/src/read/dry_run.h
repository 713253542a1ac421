/* The parameter dryRun of a query: try an event without sending it. */
#ifndef ING_DRY_RUN_H
#define ING_DRY_RUN_H

#include <px/str.h>

/* ing_dry_run_value(text, ret): 1 and true, 0 and false. False: anything else. Threads: pure. */
PX_MUST_USE bool ing_dry_run_value(struct px_str text, bool *ret);
/* ing_dry_run_asked(query, ret): by the parameter of a whole ${query}; none = not asked. False: it
 * has another value, or comes twice. Threads: pure. */
PX_MUST_USE bool ing_dry_run_asked(struct px_str query, bool *ret);

#endif
