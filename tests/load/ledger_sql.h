/* What the parts of px-ledger that ask SQL share. */
#ifndef LEDGER_SQL_H
#define LEDGER_SQL_H

#include "ledger.h"

/* lg_ask(db, text, ret, reterr): prepare and run a question without parameters; free ${ret} also
 * after a failure. */
PX_MUST_USE enum px_code lg_ask(struct px_sql *db, const char *text, struct px_stmt **ret,
                                struct px_err *reterr);
void lg_stmt_free(struct px_stmt **st); /* for PX_DEFER */

#endif
