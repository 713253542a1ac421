/* Secrets from files, and reading small files in general. A secret's value never reaches a message;
 * its buffer is wiped. */
#include "conf_priv.h"

#include <px/mem.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void fd_close(int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
}

/* O_NONBLOCK: opening a FIFO must not hang; it is refused just below. */
enum px_code px_conf_read(const char *path, struct px_buf *buf, unsigned *ret_mode,
                          struct px_err *reterr) {
    PX_DEFER(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    char part[4096];
    ssize_t n = 0;

    if (fd < 0) {
        return px_err_errno(reterr, errno == ENOENT || errno == ENOTDIR ? PX_NOT_FOUND : PX_IO,
                            PX_HERE, "cannot be read");
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return PX_FAIL(reterr, PX_IO, "is not a regular file");
    }
    do {
        n = read(fd, part, sizeof part);
        if (n > 0) {
            px_buf_add(buf, part, (size_t)n);
        }
    } while ((n > 0 && !buf->failed) || (n < 0 && errno == EINTR));
    explicit_bzero(part, sizeof part);
    if (n < 0) {
        return px_err_errno(reterr, PX_IO, PX_HERE, "cannot be read");
    }
    if (buf->failed) {
        return buf->nomem ? PX_FAIL(reterr, PX_NOMEM, "configuration")
                          : PX_FAIL(reterr, PX_TOO_LARGE, "is larger than %zu bytes", buf->max);
    }
    *ret_mode = st.st_mode & 07777;
    return PX_OK;
}

/* Why the content cannot be the secret; NULL = it can. */
static const char *secret_fault(struct px_str s) {
    if (s.n == 0) {
        return "is empty";
    }
    if (px_str_find(s, '\0') < s.n || px_str_find(s, '\n') < s.n) {
        return "must hold one line of text";
    }
    return NULL;
}

static struct px_str without_line_end(struct px_str s) {
    if (s.n > 0 && s.p[s.n - 1] == '\n') {
        s.n--;
        s.n -= s.n > 0 && s.p[s.n - 1] == '\r';
    }
    return s;
}

/* Content of the file at slot->text into ${b}; a sentence in ${err} when it is no secret. */
static enum px_code secret_read(const char *path, struct px_buf *b, unsigned *ret_mode,
                                struct px_err *err) {
    const char *fault;
    enum px_code code = px_conf_read(path, b, ret_mode, err);

    if (code != PX_OK) {
        return code;
    }
    fault = secret_fault(without_line_end(px_buf_view(b)));
    return fault ? PX_FAIL(err, PX_CONFIG, "%s", fault) : PX_OK;
}

void px_conf_secret(struct px_conf *c, const struct px_option *o, struct px_conf_slot *slot) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(PX_CONF_VALUE_MAX);
    struct px_err err = PX_ERR_INIT;
    struct px_str value = PX_S("");
    struct px_str key = px_str_c(o->key);
    char *text;
    unsigned mode = 0;

    if (secret_read(slot->text, &b, &mode, &err) != PX_OK) {
        c->no_memory = c->no_memory || err.code == PX_NOMEM;
        px_conf_problem(c, false, slot->origin, key, "the file %.80s that %sFile names %s",
                        slot->text, o->key, err.msg);
    } else {
        value = without_line_end(px_buf_view(&b));
    }
    if (value.n && (mode & 07)) {
        px_conf_problem(c, true, slot->origin, key,
                        "every user can read %.80s; chmod o-rwx, or mount it with mode 0440",
                        slot->text);
    }
    text = px_strdup_n(value.n ? value.p : "", value.n);
    if (b.p) {
        explicit_bzero(b.p, b.n);
    }
    if (!text) {
        c->no_memory = true;
        return;
    }
    px_free(slot->path);
    slot->path = slot->text;
    slot->text = text;
    slot->n = value.n;
}

enum px_code px_conf_word(const char *path, struct px_buf *out, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(PX_CONF_VALUE_MAX);
    struct px_err err = PX_ERR_INIT;
    unsigned mode = 0;
    enum px_code code = secret_read(path, &b, &mode, &err);

    if (code == PX_OK) {
        px_buf_str(out, without_line_end(px_buf_view(&b)));
        code = px_buf_ok(out, &err);
    }
    if (b.p) {
        explicit_bzero(b.p, b.n);
    }
    return code ? PX_FAIL(reterr, code, "the file %.120s %s", path, err.msg) : PX_OK;
}
