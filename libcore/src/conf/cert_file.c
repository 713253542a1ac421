/* Files of certificates and keys, judged before anything is done with them, for every adapter that
 * is told of some. Reads the file it is given and nothing else. */
#include <px/cert_file.h>

#include <px/num.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART 4096

static void fd_close(int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
}

void px_cert_file_wipe(struct px_buf *b) {
    if (b->p) {
        explicit_bzero(b->p, b->n);
    }
    px_buf_fini(b);
}

/* O_NONBLOCK: opening a FIFO must not hang; it is refused just below. The room is reserved at once:
 * a buffer that grows would leave copies of a key behind. */
enum px_code px_cert_file_read(const struct px_cert_file *f, struct px_buf *out,
                               struct px_err *reterr) {
    PX_DEFER(fd_close) int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    ssize_t n = 0;
    if (fd < 0) {
        return PX_FAIL(reterr, PX_CONFIG, "%s: %.120s: %s", f->option, f->path, strerror(errno));
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > PX_CERT_FILE_MAX) {
        return PX_FAIL(reterr, PX_CONFIG, "%s: %.120s: is no file of at most 1 MiB", f->option,
                       f->path);
    }
    (void)px_buf_reserve(out, (size_t)st.st_size + PART);
    do {
        char *to = px_buf_reserve(out, PART);
        n = to ? read(fd, to, PART) : 0;
        out->n += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    if (n < 0) {
        return PX_FAIL(reterr, PX_CONFIG, "%s: %.120s: %s", f->option, f->path, strerror(errno));
    }
    return px_buf_ok(out, reterr);
}

enum px_code px_cert_file_judge(const struct px_cert_file *f, struct px_str pem, px_us now,
                                struct px_cert *ret, struct px_err *reterr) {
    struct px_err why = PX_ERR_INIT;
    char at[PX_TIME_TEXT];
    if (px_cert_pem(pem, ret, &why) != PX_OK) {
        return PX_FAIL(reterr, PX_CONFIG, "%s: %.100s: %.80s", f->option, f->path, why.msg);
    }
    if (ret->not_after <= now) {
        size_t n = px_fmt_instant(ret->not_after, at);
        return PX_FAIL(reterr, PX_CONFIG, "%s: %.80s: the certificate %.60s expired at %.*s",
                       f->option, f->path, ret->subject, (int)n, at);
    }
    if (ret->not_before > now) {
        size_t n = px_fmt_instant(ret->not_before, at);
        return PX_FAIL(reterr, PX_CONFIG,
                       "%s: %.80s: the certificate %.60s is not valid before %.*s", f->option,
                       f->path, ret->subject, (int)n, at);
    }
    return PX_OK;
}

enum px_code px_cert_file_load(const struct px_cert_file *f, px_us now, struct px_cert *ret,
                               struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(PX_CERT_FILE_MAX + 2 * PART);
    enum px_code rc = px_cert_file_read(f, &b, reterr);
    return rc == PX_OK ? px_cert_file_judge(f, px_buf_view(&b), now, ret, reterr) : rc;
}

enum px_code px_cert_file_key(const struct px_cert_file *f, struct px_str cert,
                              const struct px_cert_key *key, struct px_err *reterr) {
    struct px_err why = PX_ERR_INIT;
    enum px_code rc = px_cert_key(cert, key->pem, key->password, &why);
    if (rc != PX_OK) {
        return PX_FAIL(reterr, PX_CONFIG, "%s: %.100s %.80s%s", f->option, f->path, why.msg,
                       rc == PX_DENIED ? key->remedy : "");
    }
    return PX_OK;
}

static void say_on(struct px_buf *out) {
    if (out->n) {
        px_buf_c(out, "; ");
    }
}

void px_cert_file_soon(const struct px_cert_file *f, const struct px_cert *cert, px_us now,
                       struct px_buf *out) {
    if (cert->not_after - now <= PX_CERT_SOON) {
        say_on(out);
        px_buf_printf(out, "%s expires in %lld days: put a new one in its place", f->option,
                      (long long)((cert->not_after - now) / PX_US_PER_DAY));
    }
}

void px_cert_file_open(const struct px_cert_file *f, struct px_buf *out) {
    struct stat st;
    if (stat(f->path, &st) == 0 && (st.st_mode & 07)) {
        say_on(out);
        px_buf_printf(out, "every user can read %.80s (%s): chmod o-rwx", f->path, f->option);
    }
}
