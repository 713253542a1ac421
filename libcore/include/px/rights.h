/* What an account may do with the tables, beside what its role may: database/privileges.txt is the
 * one list of that, for the grants' test, for --check and for people. */
#ifndef PX_RIGHTS_H
#define PX_RIGHTS_H

#include <px/buf.h>
#include <px/sql.h>

enum {
    PX_RIGHT_SELECT = 1 << 0,
    PX_RIGHT_INSERT = 1 << 1,
    PX_RIGHT_UPDATE = 1 << 2,
    PX_RIGHT_DELETE = 1 << 3,
    PX_RIGHT_TRUNCATE = 1 << 4,
};
#define PX_RIGHTS 5
/* px_right_name(i): of bit ${i}: "SELECT". */
const char *px_right_name(size_t i);

#define PX_RIGHTS_TABLES 128
struct px_right_row {
    char table[64];
    unsigned may;  /* what the role is granted            */
    unsigned need; /* what the program cannot do without  */
};
struct px_rights {
    char role[64];
    struct px_right_row v[PX_RIGHTS_TABLES];
    size_t n;
};

/* px_rights_load(dir, role, ret, reterr): the column of ${role} in ${dir}/privileges.txt; need =
 * may. Errors: PX_IO, PX_CONFIG (out of shape, or no such column). */
PX_MUST_USE enum px_code px_rights_load(const char *dir, const char *role, struct px_rights *ret,
                                        struct px_err *reterr);
/* px_rights_waive(r, table): the program does not use the table as it is configured. */
void px_rights_waive(struct px_rights *r, const char *table);

struct px_rights_found {
    char account[64];
    size_t nmissing, nextra;
    struct px_buf missing; /* right and table: what the role may and the account not */
    struct px_buf grants;  /* the statements that give it, one a line                */
    struct px_buf extra;   /* what the account may beyond the role                   */
};
void px_rights_found_fini(struct px_rights_found *f);
/* px_rights_ask(s, want, ret, reterr): compare the account of ${s} with ${want}; changes nothing. A
 * superuser is told as such, not table by table. Errors: PX_UNSUPPORTED (this database knows no
 * rights), PX_SQL*. */
PX_MUST_USE enum px_code px_rights_ask(struct px_sql *s, const struct px_rights *want,
                                       struct px_rights_found *ret, struct px_err *reterr);

/* px_rights_check(s, want, strict, ret, reterr): ask and judge, for --check. A right that is
 * missing is PX_DENIED; one too many is told with PX_OK and ret->warn, or PX_DENIED when ${strict}.
 * ${ret} is filled in every case. Other errors: px_rights_ask's. */
struct px_rights_verdict {
    bool warn;
    char detail[232];
    char remedy[2048]; /* statements, one a line; "" = none */
};
PX_MUST_USE enum px_code px_rights_check(struct px_sql *s, const struct px_rights *want,
                                         bool strict, struct px_rights_verdict *ret,
                                         struct px_err *reterr);

#endif
