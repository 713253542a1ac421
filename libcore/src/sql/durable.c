/* What the durability of a connection's commits is worth: the settings that hold for it, asked of
 * the database itself, and the verdict for --check. Must not decide whether that is a failure. */
#include <px/sql_durable.h>

#include "internal.h"

#include <stdio.h>

struct found {
    struct px_buf good, bad, remedy; /* settings by verdict; what mends the bad ones */
};

static void note(struct found *f, struct px_str setting, bool bad, struct px_str remedy) {
    struct px_buf *to = bad ? &f->bad : &f->good;
    px_buf_c(to, to->n ? ", " : "");
    px_buf_str(to, setting);
    if (bad) {
        px_buf_str(&f->remedy, remedy);
        px_buf_c(&f->remedy, "\n");
    }
}

static enum px_code read_settings(struct px_sql *s, struct found *f, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code code = px_sql_prepare(s, px_str_c(s->dialect->durable), &st, reterr);
    code = code ? code : px_stmt_run(st, reterr);
    while (!code && !(code = px_stmt_next(st, reterr))) {
        note(f, px_col_text(st, 0), px_col_i64(st, 1) != 0, px_col_text(st, 2));
    }
    px_stmt_free(st);
    return code == PX_NO_ROW ? PX_OK : code;
}

static enum px_code judge(struct found *f, bool strict, struct px_durable_verdict *ret,
                          struct px_err *reterr) {
    if (f->bad.n == 0) {
        (void)snprintf(ret->detail, sizeof ret->detail, "%.200s", px_buf_cstr(&f->good));
        return PX_OK;
    }
    ret->warn = true;
    (void)snprintf(ret->detail, sizeof ret->detail,
                   "a crash can lose what the database acknowledged: %.170s", px_buf_cstr(&f->bad));
    (void)snprintf(ret->remedy, sizeof ret->remedy, "%.900s%s", px_buf_cstr(&f->remedy),
                   strict ? "or, where that may happen: Sql:Durability=any\n" : "");
    return strict ? PX_FAIL(reterr, PX_CONFIG, "%s", ret->detail) : PX_OK;
}

enum px_code px_durable_check(struct px_sql *s, bool strict, struct px_durable_verdict *ret,
                              struct px_err *reterr) {
    *ret = (struct px_durable_verdict){.warn = false};
    if (!s->dialect->durable) {
        return PX_FAIL(reterr, PX_UNSUPPORTED, "%s cannot be asked", s->dialect->name);
    }
    struct found f = {
        .good = PX_BUF_INIT(1 << 14), .bad = PX_BUF_INIT(1 << 14), .remedy = PX_BUF_INIT(1 << 14)};
    enum px_code code = read_settings(s, &f, reterr);
    code = code ? code : px_buf_ok(&f.good, reterr);
    code = code ? code : px_buf_ok(&f.bad, reterr);
    code = code ? code : px_buf_ok(&f.remedy, reterr);
    code = code ? code : judge(&f, strict, ret, reterr);
    px_buf_fini(&f.good);
    px_buf_fini(&f.bad);
    px_buf_fini(&f.remedy);
    return code;
}
