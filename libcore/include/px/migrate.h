/* The migration runner: database/<dialect>/NNNN_name.up.sql in order, versions and checksums kept
 * in px_schema_migrations, two runners kept apart by a lock. */
#ifndef PX_MIGRATE_H
#define PX_MIGRATE_H

#include <px/buf.h>
#include <px/sql.h>

struct px_migration_state {
    int stored, available; /* highest applied and highest on disk (0 = none) */
    int pending;           /* on disk, not applied                           */
    char drift[160]; /* first applied file whose checksum differs, or unknown version; "" = none */
};
/* px_migrate_status(s, dir, ret, reterr): ${dir} is .../database; the dialect's folder below it is
 * read. Errors: PX_IO, PX_SQL*. */
PX_MUST_USE enum px_code px_migrate_status(struct px_sql *s, const char *dir,
                                           struct px_migration_state *ret, struct px_err *reterr);
/* px_migrate_text(s, dir, plan, out, reterr): status (or the SQL that `up` would run) for people.
 */
PX_MUST_USE enum px_code px_migrate_text(struct px_sql *s, const char *dir, bool plan,
                                         struct px_buf *out, struct px_err *reterr);
/* px_migrate_up(s, dir, out, reterr): apply what is pending, each file in one transaction where the
 * database can; names each in ${out}. Refuses on drift. Safe to call twice at once. */
PX_MUST_USE enum px_code px_migrate_up(struct px_sql *s, const char *dir, struct px_buf *out,
                                       struct px_err *reterr);

#endif
