/* The book as bytes: see book.h. Appends collect in memory; flush hands them to the kernel, so that
 * they outlive the program. It knows nothing of HTTP or Kafka. */
#include "book.h"

#include <px/mem.h>
#include <px/num.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOK_PENDING_MAX ((size_t)256 << 20)
#define BOOK_MAGIC       "#px-book"
#define BOOK_FIELDS      8

static const char *const book_classes[] = {"ok", "no", "maybe"};

/* --- writing ---------------------------------------------------------------------------------- */

static bool text_fits(struct px_str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\t' || s.p[i] == '\n' || s.p[i] == '\r' || s.p[i] == '\0') {
            return false;
        }
    }
    return !px_str_is(s, "-");
}

static void add_text(struct book *b, struct px_str s) {
    px_buf_byte(&b->b, '\t');
    if (!text_fits(s)) {
        b->bad = true;
    }
    px_buf_str(&b->b, s.n ? s : PX_S("-"));
}

static void add_number(struct book *b, uint64_t v) {
    px_buf_byte(&b->b, '\t');
    px_buf_u64(&b->b, v);
}

void book_intent(struct book *b, const struct book_intent *i) {
    px_buf_byte(&b->b, 'i');
    add_number(b, i->n);
    add_number(b, (uint64_t)i->at);
    add_text(b, i->want);
    add_text(b, i->type);
    add_text(b, i->player);
    add_text(b, i->banner);
    add_text(b, i->eid);
    px_buf_byte(&b->b, '\n');
}

void book_outcome(struct book *b, const struct book_outcome *o) {
    px_buf_byte(&b->b, 'o');
    add_number(b, o->n);
    add_number(b, (uint64_t)o->at);
    add_text(b, px_str_c(book_classes[o->class]));
    add_number(b, (uint64_t)o->status);
    add_text(b, o->event_id);
    add_text(b, o->received);
    add_text(b, o->code);
    px_buf_byte(&b->b, '\n');
}

enum px_code book_flush(struct book *b, struct px_err *reterr) {
    if (b->bad) {
        return PX_FAIL(reterr, PX_INVALID, "a text with TAB, CR, LF, NUL or just \"-\"");
    }
    enum px_code rc = px_buf_ok(&b->b, reterr);
    if (rc) {
        return rc;
    }
    for (size_t done = 0; done < b->b.n;) {
        ssize_t n = write(b->fd, b->b.p + done, b->b.n - done);
        if (n < 0 && errno != EINTR) {
            return px_err_errno(reterr, PX_IO, PX_HERE, "writing");
        }
        done += n < 0 ? 0 : (size_t)n;
    }
    px_buf_reset(&b->b);
    return PX_OK;
}

static enum px_code begin(struct book *b, const char *path, uint64_t seed, struct px_str prefix,
                          struct px_err *reterr) {
    struct stat st;

    if (fstat(b->fd, &st)) {
        return px_err_errno(reterr, PX_IO, PX_HERE, path);
    }
    if (st.st_size > 0) {
        return PX_FAIL(
            reterr, PX_INVALID,
            "%s holds something already and a book is never overwritten: move it away or "
            "give another name",
            path);
    }
    px_buf_printf(&b->b, BOOK_MAGIC " 1\tseed=%llu\tprefix=", (unsigned long long)seed);
    px_buf_str(&b->b, prefix);
    px_buf_byte(&b->b, '\n');
    return book_flush(b, reterr);
}

enum px_code book_create(struct book *b, const char *path, uint64_t seed, struct px_str prefix,
                         struct px_err *reterr) {
    struct book made = {.b = PX_BUF_INIT(BOOK_PENDING_MAX)};

    if (prefix.n == 0 || !text_fits(prefix)) {
        return PX_FAIL(reterr, PX_INVALID, "the prefix cannot stand in a book");
    }
    made.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (made.fd < 0) {
        return px_err_errno(reterr, PX_IO, PX_HERE, path);
    }
    enum px_code rc = begin(&made, path, seed, prefix, reterr);
    if (rc) {
        close(made.fd);
        px_buf_fini(&made.b);
        return rc;
    }
    *b = made;
    return PX_OK;
}

enum px_code book_close(struct book *b, struct px_err *reterr) {
    enum px_code rc = PX_OK;

    if (b->fd >= 0) {
        rc = book_flush(b, reterr);
        if (close(b->fd) && !rc) {
            rc = px_err_errno(reterr, PX_IO, PX_HERE, "closing");
        }
        px_buf_fini(&b->b);
    }
    *b = BOOK_INIT;
    return rc;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The next line without its LF; false at the end or before a torn last line. */
static bool next_line(struct book_reader *r, struct px_str *ret) {
    const char *from = r->text.p + r->pos;
    size_t left = r->text.n - r->pos;
    const char *lf = left ? memchr(from, '\n', left) : NULL;

    if (!lf) {
        r->torn = left > 0;
        return false;
    }
    *ret = (struct px_str){.p = from, .n = (size_t)(lf - from)};
    r->pos += ret->n + 1;
    r->line++;
    return true;
}

/* The fields of a line, of which ${max} are kept; how many there are. */
static size_t split(struct px_str line, struct px_str *ret, size_t max) {
    size_t n = 0;

    for (;;) {
        size_t len = px_str_find(line, '\t');
        if (n < max) {
            ret[n] = (struct px_str){.p = line.p, .n = len};
        }
        n++;
        if (len == line.n) {
            return n;
        }
        line = (struct px_str){.p = line.p + len + 1, .n = line.n - len - 1};
    }
}

static bool parse_number(struct px_str s, uint64_t *ret) {
    int64_t v;
    if (!px_parse_i64(s, 0, INT64_MAX, &v)) {
        return false;
    }
    *ret = (uint64_t)v;
    return true;
}

static bool parse_text(struct px_str s, struct px_str *ret) {
    *ret = px_str_is(s, "-") ? (struct px_str){.p = s.p, .n = 0} : s;
    return s.n > 0;
}

static bool parse_head(struct book_reader *r, struct px_str line) {
    struct px_str f[3];

    if (split(line, f, 3) != 3 || !px_str_is(f[0], BOOK_MAGIC " 1") ||
        !px_str_starts(f[1], PX_S("seed=")) || !px_str_starts(f[2], PX_S("prefix="))) {
        return false;
    }
    r->prefix = (struct px_str){.p = f[2].p + 7, .n = f[2].n - 7};
    return r->prefix.n > 0 &&
           parse_number((struct px_str){.p = f[1].p + 5, .n = f[1].n - 5}, &r->seed);
}

static bool parse_intent(const struct px_str *f, struct book_intent *ret) {
    uint64_t at;

    if (!parse_number(f[1], &ret->n) || !parse_number(f[2], &at) || px_str_is(f[3], "-")) {
        return false;
    }
    ret->at = (px_us)at;
    return parse_text(f[3], &ret->want) && parse_text(f[4], &ret->type) &&
           parse_text(f[5], &ret->player) && parse_text(f[6], &ret->banner) &&
           parse_text(f[7], &ret->eid);
}

static bool parse_outcome(const struct px_str *f, struct book_outcome *ret) {
    uint64_t at;
    int64_t status;
    size_t k = 0;

    while (k < PX_ARRAY_LEN(book_classes) && !px_str_is(f[3], book_classes[k])) {
        k++;
    }
    if (k == PX_ARRAY_LEN(book_classes) || !parse_number(f[1], &ret->n) ||
        !parse_number(f[2], &at) || !px_parse_i64(f[4], 0, 999, &status)) {
        return false;
    }
    ret->at = (px_us)at;
    ret->class = (enum book_class)k;
    ret->status = (int)status;
    return parse_text(f[5], &ret->event_id) && parse_text(f[6], &ret->received) &&
           parse_text(f[7], &ret->code);
}

static bool parse_line(struct px_str line, struct book_line *ret) {
    struct px_str f[BOOK_FIELDS];

    if (split(line, f, BOOK_FIELDS) != BOOK_FIELDS) {
        return false;
    }
    if (px_str_is(f[0], "i")) {
        ret->kind = BOOK_INTENT;
        return parse_intent(f, &ret->intent);
    }
    ret->kind = BOOK_OUTCOME;
    return px_str_is(f[0], "o") && parse_outcome(f, &ret->outcome);
}

enum px_code book_next(struct book_reader *r, struct book_line *ret, struct px_err *reterr) {
    struct book_line out;
    struct px_str line;

    do {
        if (!next_line(r, &line)) {
            return PX_NO_ROW;
        }
    } while (line.n && line.p[0] == '#');
    if (!parse_line(line, &out)) {
        return PX_FAIL(reterr, PX_INVALID, "%s:%zu: not a line of a book: %.*s", r->path, r->line,
                       (int)(line.n > 80 ? 80 : line.n), line.p);
    }
    *ret = out;
    return PX_OK;
}

static enum px_code map_file(struct book_reader *r, int fd, struct px_err *reterr) {
    struct stat st;

    if (fstat(fd, &st)) {
        return px_err_errno(reterr, PX_IO, PX_HERE, r->path);
    }
    if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) {
            return px_err_errno(reterr, PX_IO, PX_HERE, r->path);
        }
        r->text = (struct px_str){.p = p, .n = (size_t)st.st_size};
    }
    return PX_OK;
}

enum px_code book_open(struct book_reader *r, const char *path, struct px_err *reterr) {
    struct book_reader made = {.path = path};
    struct px_str line;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return px_err_errno(reterr, PX_IO, PX_HERE, path);
    }
    enum px_code rc = map_file(&made, fd, reterr);
    close(fd);
    if (rc) {
        return rc;
    }
    if (!next_line(&made, &line) || !parse_head(&made, line)) {
        book_reader_close(&made);
        return PX_FAIL(reterr, PX_INVALID, "%s:1: not a book of px-load, version 1", path);
    }
    *r = made;
    return PX_OK;
}

void book_reader_close(struct book_reader *r) {
    union { /* mmap gave it writable in type */
        const char *given;
        void *taken;
    } p = {.given = r->text.p};

    if (r->text.p) {
        munmap(p.taken, r->text.n);
    }
    *r = BOOK_READER_INIT;
}
