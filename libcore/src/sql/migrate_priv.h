/* What the files of the migration runner share: its book px_schema_migrations, compared with the
 * files on disk. */
#ifndef PX_MIGRATE_PRIV_H
#define PX_MIGRATE_PRIV_H

#include <px/clock.h>
#include <px/migrate.h>

#include "internal.h"

struct px_applied {
    int version;
    int runs_with_from;
    char name[PX_MIGRATION_NAME];
    char checksum[65];
};
struct px_history { /* by version, ascending */
    struct px_applied *v;
    size_t n;
};

/* px_history_load(s, ret, reterr): what is noted; empty when there is no book. No statement of it
 * fails for want of a table, so a transaction around it survives. */
PX_MUST_USE enum px_code px_history_load(struct px_sql *s, struct px_history *ret,
                                         struct px_err *reterr);
void px_history_fini(struct px_history *h);
const struct px_applied *px_history_find(const struct px_history *h, int version);
/* px_history_prepare(s, reterr): make the book, or add what it lacks; under the migrators' lock. */
PX_MUST_USE enum px_code px_history_prepare(struct px_sql *s, struct px_err *reterr);
PX_MUST_USE enum px_code px_history_note(struct px_sql *s, const struct px_migration *f, px_us took,
                                         struct px_err *reterr);
PX_MUST_USE enum px_code px_history_forget(struct px_sql *s, int version, struct px_err *reterr);

/* px_foreign_load(s, ret, reterr): golang-migrate's book, schema_migrations. A table that may not
 * be read counts as there, at an unknown version (0). */
struct px_foreign {
    bool there, dirty;
    int version;
};
PX_MUST_USE enum px_code px_foreign_load(struct px_sql *s, struct px_foreign *ret,
                                         struct px_err *reterr);

/* px_history_compare(m, h, ret): all but ret->foreign. Pure. */
void px_history_compare(const struct px_migrations *m, const struct px_history *h,
                        struct px_migration_state *ret);
const struct px_migration *px_migrations_find(const struct px_migrations *m, int version);
/* px_migration_run(s, name, text, reterr): every statement of a file. */
PX_MUST_USE enum px_code px_migration_run(struct px_sql *s, const char *name, struct px_str text,
                                          struct px_err *reterr);
/* px_migrate_alone(s, job, out, reterr): load the files below job->dir, keep other migrators away,
 * have job->work do its part with them in job->files, let go. */
struct px_migrate_job {
    const char *dir;
    enum px_code (*work)(struct px_sql *s, const struct px_migrate_job *job, struct px_buf *out,
                         struct px_err *reterr);
    const struct px_migrations *files; /* set for work */
    bool lose_rows;                    /* of down      */
};
PX_MUST_USE enum px_code px_migrate_alone(struct px_sql *s, struct px_migrate_job job,
                                          struct px_buf *out, struct px_err *reterr);

#endif
