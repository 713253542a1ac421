/* The migration runner: database/<dialect>/NNNN_name.up.sql in order, versions and checksums kept
 * in px_schema_migrations, two runners kept apart by a lock. ${dir} is .../database everywhere; the
 * dialect's folder below it is read. */
#ifndef PX_MIGRATE_H
#define PX_MIGRATE_H

#include <px/buf.h>
#include <px/sql.h>

struct px_migration_state {
    int stored, available; /* highest applied and highest on disk (0 = none) */
    int pending;           /* on disk, not applied                           */
    int wants;    /* stored > available: a program must know that version at least to run on it */
    bool foreign; /* golang-migrate applied the files; nothing is noted by this runner */
    char drift[160]; /* first applied file whose checksum differs, or unknown version; "" = none */
};
/* px_migrate_status(s, dir, ret, reterr): what is applied. Errors: PX_IO, PX_CONFIG (a file out of
 * shape), PX_SQL*. */
PX_MUST_USE enum px_code px_migrate_status(struct px_sql *s, const char *dir,
                                           struct px_migration_state *ret, struct px_err *reterr);
/* px_migrate_fits(st, ret_text, cap, reterr): may a program with these files run on that schema?
 * Every file is applied, none has changed, and a schema that is newer allows it (runs-with-from).
 * ${ret_text}: the version, for people. Errors: PX_SCHEMA with the remedy. Threads: pure. */
PX_MUST_USE enum px_code px_migrate_fits(const struct px_migration_state *st, char *ret_text,
                                         size_t cap, struct px_err *reterr);

/* px_migrate_text(s, dir, plan, out, reterr): status (or the SQL that `up` would run) for people.
 * px_migrate_text_absent(d, dir, plan, out, reterr): the same for a database that is not there yet.
 */
PX_MUST_USE enum px_code px_migrate_text(struct px_sql *s, const char *dir, bool plan,
                                         struct px_buf *out, struct px_err *reterr);
PX_MUST_USE enum px_code px_migrate_text_absent(const struct px_dialect *d, const char *dir,
                                                bool plan, struct px_buf *out,
                                                struct px_err *reterr);

/* px_migrate_up(s, dir, out, reterr): apply what is pending, each file in one transaction where the
 * database can; names each in ${out}. Refuses on drift. Safe to call twice at once. */
PX_MUST_USE enum px_code px_migrate_up(struct px_sql *s, const char *dir, struct px_buf *out,
                                       struct px_err *reterr);
/* px_migrate_down(s, dir, lose_rows, out, reterr): undo the last applied file by its .down.sql, in
 * one transaction. Refuses with PX_CONFIG, naming the tables, when that would lose rows, unless
 * ${lose_rows}; with PX_SCHEMA on drift. Nothing applied is PX_OK. */
PX_MUST_USE enum px_code px_migrate_down(struct px_sql *s, const char *dir, bool lose_rows,
                                         struct px_buf *out, struct px_err *reterr);
/* px_migrate_adopt(s, dir, out, reterr): take a database over that golang-migrate made: note the
 * files up to its version as applied. Errors: PX_SCHEMA (there is none, it is dirty or newer than
 * the files, or this runner has been here before). */
PX_MUST_USE enum px_code px_migrate_adopt(struct px_sql *s, const char *dir, struct px_buf *out,
                                          struct px_err *reterr);

#endif
