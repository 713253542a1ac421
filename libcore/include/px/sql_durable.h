/* Does a commit that the database acknowledged survive its crash? For --check. */
#ifndef PX_SQL_DURABLE_H
#define PX_SQL_DURABLE_H

#include <px/sql.h>

#define PX_SQL_DURABLE_REQUIRE 0 /* of Sql:Durability */

/* px_durable_check(s, strict, ret, reterr): what the settings that hold for ${s}, a connection for
 * writing, say. A setting by which acknowledged commits can be lost is PX_CONFIG when ${strict},
 * else PX_OK with ret->warn. ${ret} is filled in both cases. Errors: PX_UNSUPPORTED (this database
 * cannot be asked), PX_SQL*. */
struct px_durable_verdict {
    bool warn;
    char detail[232];
    char remedy[1024]; /* what to type, one a line; "" = none */
};
PX_MUST_USE enum px_code px_durable_check(struct px_sql *s, bool strict,
                                          struct px_durable_verdict *ret, struct px_err *reterr);

#endif
