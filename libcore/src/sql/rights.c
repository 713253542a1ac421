/* Rights: the table of database/privileges.txt, and what the connected account really may, asked of
 * the database's catalog. Changes nothing. */
#include <px/rights.h>

#include "internal.h"

#include <stdio.h>

#define FILE_MAX (64 << 10)
#define LIST_MAX (16 << 10)

static const char *const right_names[PX_RIGHTS] = {"SELECT", "INSERT", "UPDATE", "DELETE",
                                                   "TRUNCATE"};
static const char right_letters[PX_RIGHTS + 1] = "siudt";

const char *px_right_name(size_t i) {
    return right_names[i];
}

/* --- the file ----------------------------------------------------------------------------------
 */

static struct px_str next_word(struct px_str *line) {
    size_t a = 0;
    while (a < line->n && line->p[a] == ' ') {
        a++;
    }
    size_t b = a;
    while (b < line->n && line->p[b] != ' ') {
        b++;
    }
    struct px_str word = {.p = line->p + a, .n = b - a};
    line->p += b;
    line->n -= b;
    return word;
}

static bool next_line(struct px_str *rest, struct px_str *ret) {
    while (rest->n > 0) {
        *ret = px_str_part(rest, '\n');
        if (ret->n > 0 && ret->p[0] != '#') {
            return true;
        }
    }
    return false;
}

static bool read_cell(struct px_str cell, unsigned *ret) {
    unsigned may = 0;
    for (size_t i = 0; i < cell.n && !px_str_is(cell, "-"); i++) {
        const char *at = strchr(right_letters, cell.p[i]);
        if (!at || !*at) {
            return false;
        }
        may |= 1U << (at - right_letters);
    }
    *ret = may;
    return cell.n > 0;
}

/* The place of ${role} in the row of names; 0 = none, for the first name is that of the tables. */
static size_t column_of(struct px_str header, const char *role) {
    struct px_str word = next_word(&header);
    for (size_t i = 0; word.n > 0; i++) {
        if (i > 0 && px_str_is(word, role)) {
            return i;
        }
        word = next_word(&header);
    }
    return 0;
}

static enum px_code read_row(struct px_str line, size_t column, struct px_rights *r,
                             struct px_err *reterr) {
    struct px_right_row row = {.may = 0};
    struct px_str cell = next_word(&line);
    bool fits = r->n < PX_RIGHTS_TABLES && px_str_copy(cell, row.table, sizeof row.table);
    for (size_t i = 0; i < column; i++) {
        cell = next_word(&line);
    }
    if (!fits || !read_cell(cell, &row.may)) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "privileges.txt: the row of %.60s has no cell of letters s i u d t or - for "
                       "%.40s",
                       row.table, r->role);
    }
    row.need = row.may;
    r->v[r->n++] = row;
    return PX_OK;
}

enum px_code px_rights_load(const char *dir, const char *role, struct px_rights *ret,
                            struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf path = PX_BUF_INIT(2048);
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(FILE_MAX);
    px_buf_printf(&path, "%s/privileges.txt", dir);
    enum px_code code = px_buf_ok(&path, reterr);
    code = code ? code : px_sql_read_file(px_buf_cstr(&path), &text, reterr);
    if (code) {
        return code;
    }
    *ret = (struct px_rights){.n = 0};
    (void)snprintf(ret->role, sizeof ret->role, "%s", role);
    struct px_str rest = px_buf_view(&text);
    struct px_str line;
    size_t column = next_line(&rest, &line) ? column_of(line, role) : 0;
    if (column == 0) {
        return PX_FAIL(reterr, PX_CONFIG, "privileges.txt: no column %.60s", role);
    }
    while (!code && next_line(&rest, &line)) {
        code = read_row(line, column, ret, reterr);
    }
    return code;
}

void px_rights_waive(struct px_rights *r, const char *table) {
    for (size_t i = 0; i < r->n; i++) {
        if (strcmp(r->v[i].table, table) == 0) {
            r->v[i].need = 0;
        }
    }
}

/* --- the account -------------------------------------------------------------------------------
 */

void px_rights_found_fini(struct px_rights_found *f) {
    px_buf_fini(&f->missing);
    px_buf_fini(&f->grants);
    px_buf_fini(&f->extra);
}

static void add_extra(struct px_rights_found *f, const char *what) {
    px_buf_printf(&f->extra, "%s%s", f->nextra++ ? ", " : "", what);
}

/* "SELECT, INSERT" */
static void add_names(struct px_buf *out, unsigned rights) {
    const char *before = "";
    for (size_t i = 0; i < PX_RIGHTS; i++) {
        if (rights & (1U << i)) {
            px_buf_printf(out, "%s%s", before, right_names[i]);
            before = ", ";
        }
    }
}

static void add_missing(struct px_rights_found *f, const char *table, unsigned rights) {
    px_buf_c(&f->missing, f->nmissing++ ? "; " : "");
    add_names(&f->missing, rights);
    px_buf_printf(&f->missing, " on %s", table);
    px_buf_c(&f->grants, "GRANT ");
    add_names(&f->grants, rights);
    px_buf_printf(&f->grants, " ON %s TO %s;\n", table, f->account);
}

/* "GRANT role TO account;" */
static void add_join(const struct px_sql *s, struct px_buf *out, const char *role,
                     const char *account) {
    px_buf_printf(out, "%s%s%s%s;", s->dialect->join, role, s->dialect->join_to, account);
}

struct account {
    bool super, no_schema;
};

/* What stands in the account itself. */
static enum px_code read_account(struct px_sql *s, struct px_rights_found *f, struct account *ret,
                                 struct px_err *reterr) {
    static const char *const extras[] = {"may make roles",           "may make databases",
                                         "may replicate everything", "passes row security",
                                         "may create tables",        "may create schemas"};
    struct px_stmt *st = NULL;
    enum px_code code = px_sql_prepare(s, px_str_c(s->dialect->account), &st, reterr);
    code = code ? code : px_stmt_run(st, reterr);
    code = code ? code : px_stmt_next(st, reterr);
    if (!code) {
        PX_IGNORE(!px_str_copy(px_col_text(st, 0), f->account, sizeof f->account)); /* 63 at most */
        ret->super = px_col_i64(st, 1) != 0;
        ret->no_schema = px_col_i64(st, 2) != 0;
        for (unsigned i = 0; i < PX_ARRAY_LEN(extras) && !ret->super; i++) {
            if (px_col_i64(st, 3 + i)) {
                add_extra(f, extras[i]);
            }
        }
    }
    px_stmt_free(st);
    return code;
}

static const struct px_right_row *row_of(const struct px_rights *want, struct px_str table) {
    for (size_t i = 0; i < want->n; i++) {
        if (px_str_is(table, want->v[i].table)) {
            return &want->v[i];
        }
    }
    return NULL;
}

/* One table of the schema. What privileges.txt does not know is nobody's business here, and a table
 * that is missing is the migrations'. */
static void read_table(const struct px_stmt *st, const struct px_right_row *row,
                       struct px_rights_found *f, bool *owns) {
    unsigned has = 0, some = 0; /* of the table; of columns at least */
    for (unsigned i = 0; i < PX_RIGHTS; i++) {
        has |= px_col_i64(st, 1 + i) == 2 ? 1U << i : 0;
        some |= px_col_i64(st, 1 + i) != 0 ? 1U << i : 0;
    }
    *owns = *owns || px_col_i64(st, 1 + PX_RIGHTS) != 0;
    if (row->need & ~has) {
        add_missing(f, row->table, row->need & ~has);
    }
    if (some & ~row->may) {
        px_buf_c(&f->extra, f->nextra++ ? ", " : "");
        add_names(&f->extra, some & ~row->may);
        px_buf_printf(&f->extra, " on %s", row->table);
    }
}

static enum px_code read_tables(struct px_sql *s, const struct px_rights *want,
                                struct px_rights_found *f, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    bool owns = false;
    bool seen[PX_RIGHTS_TABLES] = {false};
    enum px_code code = px_sql_prepare(s, px_str_c(s->dialect->rights), &st, reterr);
    code = code ? code : px_stmt_run(st, reterr);
    while (!code && !(code = px_stmt_next(st, reterr))) {
        const struct px_right_row *row = row_of(want, px_col_text(st, 0));
        if (row) {
            seen[row - want->v] = true;
            read_table(st, row, f, &owns);
        }
    }
    for (size_t i = 0; s->dialect->hides && code == PX_NO_ROW && i < want->n; i++) {
        if (!seen[i] && want->v[i].need) {
            add_missing(f, want->v[i].table, want->v[i].need);
        }
    }
    px_stmt_free(st);
    if (owns) {
        add_extra(f, "owns tables");
    }
    return code == PX_NO_ROW ? PX_OK : code;
}

enum px_code px_rights_ask(struct px_sql *s, const struct px_rights *want,
                           struct px_rights_found *ret, struct px_err *reterr) {
    struct account a = {.super = false};
    if (!s->dialect->rights) {
        return PX_FAIL(reterr, PX_UNSUPPORTED,
                       "%s knows no accounts: who may open the file may all", s->dialect->name);
    }
    *ret = (struct px_rights_found){.missing = PX_BUF_INIT(LIST_MAX),
                                    .grants = PX_BUF_INIT(LIST_MAX),
                                    .extra = PX_BUF_INIT(LIST_MAX)};
    enum px_code code = read_account(s, ret, &a, reterr);
    if (!code && a.super) {
        add_extra(ret, "is a superuser");
    } else if (!code && a.no_schema) {
        ret->nmissing = 1;
        px_buf_c(&ret->missing, "USAGE on the schema");
        add_join(s, &ret->grants, want->role, ret->account);
        px_buf_c(&ret->grants, "\n");
    } else if (!code) {
        code = read_tables(s, want, ret, reterr);
    }
    code = code ? code : px_buf_ok(&ret->missing, reterr);
    code = code ? code : px_buf_ok(&ret->grants, reterr);
    code = code ? code : px_buf_ok(&ret->extra, reterr);
    if (code) {
        px_rights_found_fini(ret);
    }
    return code;
}

/* --- the verdict -------------------------------------------------------------------------------
 */

static void say_missing(const struct px_sql *s, const struct px_rights *want,
                        struct px_rights_found *f, struct px_rights_verdict *ret) {
    PX_DEFER(px_buf_fini) struct px_buf all = PX_BUF_INIT(256);
    add_join(s, &all, want->role, f->account);
    (void)snprintf(ret->detail, sizeof ret->detail, "%.60s lacks %.150s", f->account,
                   px_buf_cstr(&f->missing));
    (void)snprintf(ret->remedy, sizeof ret->remedy, "%sor all that it needs: %s",
                   px_buf_cstr(&f->grants), px_buf_cstr(&all));
}

static void say_extra(const struct px_sql *s, const struct px_rights *want,
                      struct px_rights_found *f, struct px_rights_verdict *ret) {
    PX_DEFER(px_buf_fini) struct px_buf all = PX_BUF_INIT(256);
    add_join(s, &all, want->role, "that_user");
    (void)snprintf(ret->detail, sizeof ret->detail, "%.60s may more than %.20s: %.120s", f->account,
                   want->role, px_buf_cstr(&f->extra));
    (void)snprintf(ret->remedy, sizeof ret->remedy,
                   "it may: %.1500s\nuse a login user of its own that owns nothing: %s",
                   px_buf_cstr(&f->extra), px_buf_cstr(&all));
}

enum px_code px_rights_check(struct px_sql *s, const struct px_rights *want, bool strict,
                             struct px_rights_verdict *ret, struct px_err *reterr) {
    struct px_rights_found f;
    *ret = (struct px_rights_verdict){.warn = false};
    enum px_code code = px_rights_ask(s, want, &f, reterr);
    if (code) {
        return code;
    }
    if (f.nmissing > 0) {
        say_missing(s, want, &f, ret);
        code = PX_FAIL(reterr, PX_DENIED, "%s", ret->detail);
    } else if (f.nextra > 0) {
        say_extra(s, want, &f, ret);
        ret->warn = true;
        code = strict ? PX_FAIL(reterr, PX_DENIED, "%s", ret->detail) : PX_OK;
    } else {
        (void)snprintf(ret->detail, sizeof ret->detail, "%.60s may what %s may, and no more",
                       f.account, want->role);
    }
    px_rights_found_fini(&f);
    return code;
}
