/* A table of values as statement parameters: one JSON array of arrays, or one array literal per
 * column. Every cell is checked as it comes (databases cut text at a NUL and refuse a whole batch
 * for one bad byte); dates and times become text here where the database keeps them as text. Pure
 * but for memory. */
#include <px/mem.h>
#include <px/num.h>

#include "internal.h"

#define DAY_MAX INT64_C(2932896) /* 9999-12-31 */

struct px_rows {
    bool columns; /* one buffer per column, else one for all */
    size_t ncols, cell, rows;
    bool bad;
    size_t bad_row;
    enum px_column types[PX_SQL_MAX_PARAMS];
    struct px_buf
        bufs[]; /* complete after every row: closed brackets are reopened by the next cell */
};

static size_t nbufs(const struct px_rows *r) {
    return r->columns ? r->ncols : 1;
}

enum px_code px_rows_new(const struct px_dialect *d, const enum px_column *types, size_t ncols,
                         size_t max_bytes, struct px_rows **ret) {
    px_assert(ncols > 0 && ncols <= PX_SQL_MAX_PARAMS);
    size_t n = d->rows_as_columns ? ncols : 1;
    struct px_rows *r = px_alloc(sizeof *r + n * sizeof r->bufs[0]);
    if (!r) {
        return PX_NOMEM;
    }
    r->columns = d->rows_as_columns;
    r->ncols = ncols;
    memcpy(r->types, types, ncols * sizeof *types);
    for (size_t i = 0; i < n; i++) {
        px_buf_init(&r->bufs[i], max_bytes);
    }
    px_rows_reset(r);
    *ret = r;
    return PX_OK;
}

void px_rows_free(struct px_rows *r) {
    if (!r) {
        return;
    }
    for (size_t i = 0; i < nbufs(r); i++) {
        px_buf_fini(&r->bufs[i]);
    }
    px_free(r);
}

void px_rows_reset(struct px_rows *r) {
    r->cell = 0;
    r->rows = 0;
    r->bad = false;
    for (size_t i = 0; i < nbufs(r); i++) {
        px_buf_reset(&r->bufs[i]);
        px_buf_c(&r->bufs[i], r->columns ? "{}" : "[]");
    }
}

size_t px_rows_count(const struct px_rows *r) {
    return r->rows;
}

static void refuse(struct px_rows *r) {
    if (!r->bad) {
        r->bad = true;
        r->bad_row = r->rows;
    }
}

/* Opens the place of the next cell: the closing bracket of the value so far is taken back. */
static struct px_buf *cell_begin(struct px_rows *r) {
    struct px_buf *b = &r->bufs[r->columns ? r->cell : 0];
    if (b->n > 0 && (r->columns || r->cell == 0)) {
        b->n--;
        if (r->rows > 0) {
            px_buf_byte(b, ',');
        }
    }
    if (!r->columns) {
        px_buf_byte(b, r->cell == 0 ? '[' : ',');
    }
    return b;
}

static void cell_end(struct px_rows *r, struct px_buf *b) {
    bool last = ++r->cell == r->ncols;
    if (r->columns) {
        px_buf_byte(b, '}');
    } else if (last) {
        px_buf_add(b, "]]", 2);
    }
    if (last) {
        r->cell = 0;
        r->rows++;
    }
}

/* "2026-11-21 10:00:00.123456": text order is time order. */
static void add_time(struct px_buf *b, px_us t) {
    struct px_civil c = px_civil_of(t);
    const int v[] = {c.year / 100, c.year % 100, c.month,          c.day,     c.hour, c.minute,
                     c.second,     c.us / 10000, c.us / 100 % 100, c.us % 100};
    char out[] = "\"0000-00-00 00:00:00.000000\"";
    static const size_t at[] = {1, 3, 6, 9, 12, 15, 18, 21, 23, 25};
    for (size_t i = 0; i < PX_ARRAY_LEN(at); i++) {
        out[at[i]] = (char)('0' + v[i] / 10);
        out[at[i] + 1] = (char)('0' + v[i] % 10);
    }
    px_buf_add(b, out, sizeof out - 1);
}

static void add_date(struct px_buf *b, px_day d) {
    char text[PX_TIME_TEXT];
    size_t n = px_fmt_date(d, text);
    px_buf_byte(b, '"');
    px_buf_add(b, text, n);
    px_buf_byte(b, '"');
}

void px_rows_i64(struct px_rows *r, int64_t v) {
    enum px_column type = r->types[r->cell];
    px_assert(type != PX_COL_TEXT && type != PX_COL_UUID);
    int64_t max = type == PX_COL_DATE ? DAY_MAX : PX_COL_TIME_MAX;
    if (type != PX_COL_INT && (v < 0 || v > max)) {
        refuse(r);
        v = 0;
    }
    struct px_buf *b = cell_begin(r);
    if (type == PX_COL_INT || r->columns) {
        px_buf_i64(b, v);
    } else if (type == PX_COL_DATE) {
        add_date(b, (px_day)v);
    } else {
        add_time(b, v);
    }
    cell_end(r, b);
}

void px_rows_null(struct px_rows *r) {
    struct px_buf *b = cell_begin(r);
    px_buf_c(b, r->columns ? "NULL" : "null");
    cell_end(r, b);
}

/* JSON escapes quote, backslash and everything below blank; an array literal only the first two. */
static bool plain(bool columns, char c) {
    return c != '"' && c != '\\' && (columns || (uint8_t)c >= 0x20);
}

static void add_escaped(struct px_buf *b, bool columns, struct px_str v) {
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < v.n;) {
        size_t from = i;
        while (i < v.n && plain(columns, v.p[i])) {
            i++;
        }
        px_buf_add(b, v.p + from, i - from);
        if (i == v.n) {
            break;
        }
        uint8_t c = (uint8_t)v.p[i++];
        if (c >= 0x20) {
            const char esc[2] = {'\\', (char)c};
            px_buf_add(b, esc, sizeof esc);
        } else {
            const char esc[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            px_buf_add(b, esc, sizeof esc);
        }
    }
}

void px_rows_text(struct px_rows *r, struct px_str v) {
    enum px_column type = r->types[r->cell];
    px_assert(type == PX_COL_TEXT || type == PX_COL_UUID);
    if (px_str_find(v, '\0') != v.n || !px_utf8_valid(v)) {
        refuse(r);
        v.n = 0;
    }
    struct px_buf *b = cell_begin(r);
    px_buf_byte(b, '"');
    add_escaped(b, r->columns, v);
    px_buf_byte(b, '"');
    cell_end(r, b);
}

enum px_code px_rows_bind(const struct px_rows *r, struct px_stmt *st, unsigned first,
                          struct px_err *reterr) {
    px_assert(r->cell == 0);
    if (r->bad) {
        return PX_FAIL(reterr, PX_SQL_DATA,
                       "row %zu holds a NUL, invalid UTF-8, or a date or time out of range",
                       r->bad_row);
    }
    for (size_t i = 0; i < nbufs(r); i++) {
        enum px_code code = px_buf_ok(&r->bufs[i], reterr);
        if (code) {
            return code;
        }
        px_bind_raw(st, first + (unsigned)i, px_buf_view(&r->bufs[i]));
    }
    return PX_OK;
}
