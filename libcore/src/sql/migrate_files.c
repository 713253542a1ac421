/* Migration files: which there are, what they hold, and where one statement ends and the next
 * begins. Comments are left out of what is sent, because drivers misread quotes and marks inside
 * them. */
#include <px/hash.h>
#include <px/mem.h>
#include <px/num.h>

#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX       (1 << 20)
#define MIGRATIONS_MAX 999
#define PATH_ROOM      1024

void px_migrations_fini(struct px_migrations *m) {
    for (size_t i = 0; i < m->n; i++) {
        px_buf_fini(&m->v[i].text);
    }
    px_free(m->v);
    *m = (struct px_migrations){.v = NULL};
}

enum px_code px_sql_read_file(const char *path, struct px_buf *out, struct px_err *reterr) {
    FILE *f = fopen(path, "re");
    if (!f) {
        return px_err_errno(reterr, PX_IO, PX_HERE, path);
    }
    enum px_code code = PX_OK;
    for (;;) {
        char *p = px_buf_reserve(out, 4096);
        if (!p) {
            break;
        }
        size_t n = fread(p, 1, 4096, f);
        out->n += n;
        if (n == 0) {
            break;
        }
    }
    if (ferror(f)) {
        code = px_err_errno(reterr, PX_IO, PX_HERE, path);
    }
    (void)fclose(f);
    return code ? code : px_buf_ok(out, reterr);
}

static void hex_of(const struct px_buf *text, char out[65]) {
    uint8_t sum[32];
    px_sha256(px_buf_view(text), sum);
    for (size_t i = 0; i < sizeof sum; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", sum[i]);
    }
}

/* "0001_initial.up.sql" -> 1; anything else that ends like a migration is a mistake worth telling.
 */
static enum px_code version_of(const char *name, int *ret, struct px_err *reterr) {
    int v = 0;
    for (size_t i = 0; i < 4 && name[i] >= '0' && name[i] <= '9'; i++) {
        v = 10 * v + (name[i] - '0');
    }
    if (strlen(name) >= PX_MIGRATION_NAME || strspn(name, "0123456789") != 4 || name[4] != '_' ||
        v == 0) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "%.60s: not a migration's name; expected NNNN_name.up.sql", name);
    }
    *ret = v;
    return PX_OK;
}

/* The value of a line "-- px: runs-with-from N" among the comments that open the file; without one
 * only a program that knows the file may run on what it makes. */
static enum px_code read_header(struct px_migration *m, struct px_err *reterr) {
    static const char key[] = "-- px:";
    static const char known[] = " runs-with-from ";
    struct px_str rest = px_buf_view(&m->text);
    m->runs_with_from = m->version;
    while (rest.n >= 2 && memcmp(rest.p, "--", 2) == 0) {
        struct px_str line = px_str_part(&rest, '\n');
        if (line.n < sizeof key - 1 || memcmp(line.p, key, sizeof key - 1) != 0) {
            continue;
        }
        struct px_str said = {.p = line.p + sizeof key - 1, .n = line.n - (sizeof key - 1)};
        int64_t v = 0;
        bool shaped = said.n > sizeof known - 1 && memcmp(said.p, known, sizeof known - 1) == 0;
        struct px_str number = {.p = said.p + (shaped ? sizeof known - 1 : 0),
                                .n = said.n - (shaped ? sizeof known - 1 : 0)};
        if (!shaped || !px_parse_i64(number, 1, m->version, &v)) {
            return PX_FAIL(reterr, PX_CONFIG,
                           "%.60s: a line \"-- px:\" must read \"-- px: runs-with-from N\", "
                           "N from 1 to the file's own version",
                           m->name);
        }
        m->runs_with_from = (int)v;
    }
    return PX_OK;
}

static bool ends_with(const char *name, const char *tail) {
    size_t n = strlen(name);
    size_t t = strlen(tail);
    return n >= t && strcmp(name + n - t, tail) == 0;
}

static enum px_code add_file(const char *folder, const char *name, struct px_migrations *m,
                             struct px_err *reterr) {
    int version = 0;
    enum px_code code = version_of(name, &version, reterr);
    if (code) {
        return code;
    }
    struct px_migration *v = px_realloc(m->v, (m->n + 1) * sizeof *v);
    if (!v) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for migrations");
    }
    m->v = v;
    struct px_migration *one = &v[m->n++];
    *one = (struct px_migration){.version = version, .text = PX_BUF_INIT(FILE_MAX)};
    memcpy(one->name, name, strlen(name)); /* its length was checked with its shape */
    PX_DEFER(px_buf_fini) struct px_buf path = PX_BUF_INIT(PATH_ROOM + PX_MIGRATION_NAME);
    px_buf_printf(&path, "%s/%s", folder, name);
    code = px_buf_ok(&path, reterr);
    code = code ? code : px_sql_read_file(px_buf_cstr(&path), &one->text, reterr);
    if (!code) {
        hex_of(&one->text, one->checksum);
    }
    return code ? code : read_header(one, reterr);
}

enum px_code px_migration_down_text(const char *dir, const char *dialect,
                                    const struct px_migration *m, struct px_buf *out,
                                    struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf path = PX_BUF_INIT(PATH_ROOM + PX_MIGRATION_NAME);
    size_t stem = strlen(m->name) - strlen(".up.sql");
    px_buf_printf(&path, "%s/%s/%.*s.down.sql", dir, dialect, (int)stem, m->name);
    enum px_code code = px_buf_ok(&path, reterr);
    return code ? code : px_sql_read_file(px_buf_cstr(&path), out, reterr);
}

static int by_version(const void *a, const void *b) {
    const struct px_migration *x = a;
    const struct px_migration *y = b;
    return (x->version > y->version) - (x->version < y->version);
}

static enum px_code read_folder(const char *folder, DIR *d, struct px_migrations *m,
                                struct px_err *reterr) {
    const struct dirent *e;
    while ((e = readdir(d))) {
        if (!ends_with(e->d_name, ".up.sql")) {
            continue;
        }
        if (m->n >= MIGRATIONS_MAX) {
            return PX_FAIL(reterr, PX_TOO_LARGE, "%.100s: too many migrations", folder);
        }
        enum px_code code = add_file(folder, e->d_name, m, reterr);
        if (code) {
            return code;
        }
    }
    return PX_OK;
}

enum px_code px_migrations_load(const char *dir, const char *dialect, struct px_migrations *ret,
                                struct px_err *reterr) {
    char folder[PATH_ROOM];
    if (snprintf(folder, sizeof folder, "%s/%s", dir, dialect) >= (int)sizeof folder) {
        return PX_FAIL(reterr, PX_IO, "the path of the migrations is too long");
    }
    DIR *d = opendir(folder);
    if (!d) {
        return px_err_errno(reterr, PX_IO, PX_HERE, folder);
    }
    PX_DEFER(px_migrations_fini) struct px_migrations m = {.v = NULL};
    enum px_code code = read_folder(folder, d, &m, reterr);
    (void)closedir(d);
    if (code) {
        return code;
    }
    if (m.n > 0) {
        qsort(m.v, m.n, sizeof *m.v, by_version);
    }
    for (size_t i = 1; i < m.n; i++) {
        if (m.v[i].version == m.v[i - 1].version) {
            return PX_FAIL(reterr, PX_CONFIG, "migration version %d twice: %.60s and %.60s",
                           m.v[i].version, m.v[i - 1].name, m.v[i].name);
        }
    }
    *ret = m;
    m = (struct px_migrations){.v = NULL};
    return PX_OK;
}

/* --- splitting -----------------------------------------------------------------------------------
 */

static bool at_is(struct px_str s, size_t i, const char *c) {
    size_t n = strlen(c);
    return i + n <= s.n && memcmp(s.p + i, c, n) == 0;
}

/* End of a quoted run that starts at i; a doubled quote is two runs side by side, which is the
 * same. */
static size_t quoted_end(struct px_str s, size_t i) {
    char q = s.p[i++];
    while (i < s.n && s.p[i] != q) {
        i++;
    }
    return i < s.n ? i + 1 : s.n;
}

/* End of $tag$ ... $tag$ at i, or i when no such tag starts here. */
static size_t dollar_end(struct px_str s, size_t i) {
    size_t t = i + 1;
    while (t < s.n && (s.p[t] == '_' || (s.p[t] >= 'a' && s.p[t] <= 'z') ||
                       (s.p[t] >= 'A' && s.p[t] <= 'Z'))) {
        t++;
    }
    if (t >= s.n || s.p[t] != '$') {
        return i;
    }
    size_t len = t + 1 - i;
    for (size_t k = t + 1; k + len <= s.n; k++) {
        if (memcmp(s.p + k, s.p + i, len) == 0) {
            return k + len;
        }
    }
    return s.n;
}

/* End of a comment that starts at i (block comments may nest), or i when none does. */
static size_t comment_end(struct px_str s, size_t i) {
    if (at_is(s, i, "--")) {
        while (i < s.n && s.p[i] != '\n') {
            i++;
        }
        return i;
    }
    if (!at_is(s, i, "/*")) {
        return i;
    }
    size_t depth = 0;
    while (i < s.n) {
        if (at_is(s, i, "/*")) {
            depth++;
            i += 2;
        } else if (at_is(s, i, "*/")) {
            i += 2;
            if (--depth == 0) {
                break;
            }
        } else {
            i++;
        }
    }
    return i;
}

/* End of whatever hides semicolons at i, or i. */
static size_t hidden_end(struct px_str s, size_t i) {
    if (s.p[i] == '\'' || s.p[i] == '"') {
        return quoted_end(s, i);
    }
    return s.p[i] == '$' ? dollar_end(s, i) : i;
}

static bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

bool px_split_next(struct px_str text, size_t *at, struct px_buf *out) {
    size_t i = *at;
    px_buf_reset(out);
    while (i < text.n) {
        size_t end = comment_end(text, i);
        if (end > i) {
            i = end;
            continue;
        }
        if (text.p[i] == ';') {
            i++;
            if (out->n > 0) {
                break;
            }
            continue;
        }
        end = hidden_end(text, i);
        if (end == i) {
            end = i + 1;
        }
        if (out->n > 0 || !is_space(text.p[i])) {
            px_buf_add(out, text.p + i, end - i);
        }
        i = end;
    }
    while (out->n > 0 && is_space(out->p[out->n - 1])) {
        out->n--;
    }
    *at = i;
    return out->n > 0;
}
