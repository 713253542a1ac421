/* gzip -> text, bounded. zlib does the work and checks checksum and length of each member; the
 * bounds are ours. The only file that sees zlib. Pure. */
#define ZLIB_CONST
#include <px/gunzip.h>
#include <px/mem.h>

#include <zlib.h>

#define GZIP_ONLY (MAX_WBITS + 16) /* neither zlib's own wrapper nor bare deflate */
#define CHUNK     8192

static voidpf gunzip_alloc(voidpf arg, uInt n, uInt size) {
    (void)arg;
    return px_calloc2(n, size);
}

static void gunzip_free(voidpf arg, voidpf p) {
    (void)arg;
    px_free(p);
}

static enum px_code gunzip_refuse(int rc, struct px_err *reterr) {
    switch (rc) {
    case Z_MEM_ERROR:
        return PX_FAIL(reterr, PX_NOMEM, "no memory to inflate");
    case Z_BUF_ERROR: /* no progress: the input ended inside a member */
        return PX_FAIL(reterr, PX_INVALID, "the gzip stream is cut short");
    default:
        return PX_FAIL(reterr, PX_INVALID, "not a gzip stream, or a damaged one");
    }
}

/* The bounds, looked at after each chunk: so little is inflated beyond them. */
static enum px_code gunzip_take(const struct z_stream_s *z, size_t in_n, struct px_str chunk,
                                struct px_buf *out, struct px_err *reterr) {
    size_t used = in_n - z->avail_in;

    if (chunk.n > out->max - out->n) {
        return PX_FAIL(reterr, PX_TOO_LARGE, "inflates to more than %zu bytes", out->max);
    }
    px_buf_str(out, chunk);
    if (out->n > PX_GUNZIP_FREE && out->n / PX_GUNZIP_RATIO > used) {
        return PX_FAIL(reterr, PX_TOO_LARGE, "inflates to more than %d times its size",
                       PX_GUNZIP_RATIO);
    }
    return px_buf_ok(out, reterr);
}

/* One member; *ret_end: it is complete. */
static enum px_code gunzip_step(struct z_stream_s *z, size_t in_n, struct px_buf *out,
                                bool *ret_end, struct px_err *reterr) {
    PX_UNSET char chunk[CHUNK];

    z->next_out = (Bytef *)chunk;
    z->avail_out = sizeof chunk;
    int rc = inflate(z, Z_NO_FLUSH);
    if (rc != Z_OK && rc != Z_STREAM_END) {
        return gunzip_refuse(rc, reterr);
    }
    *ret_end = rc == Z_STREAM_END;
    struct px_str made = {.p = chunk, .n = sizeof chunk - z->avail_out};
    return gunzip_take(z, in_n, made, out, reterr);
}

static enum px_code gunzip_all(struct z_stream_s *z, struct px_str in, struct px_buf *out,
                               struct px_err *reterr) {
    for (unsigned members = 0; members < PX_GUNZIP_MEMBERS; members++) {
        bool end = false;
        while (!end) {
            enum px_code rc = gunzip_step(z, in.n, out, &end, reterr);
            if (rc) {
                return rc;
            }
        }
        if (z->avail_in == 0) {
            return PX_OK;
        }
        if (inflateReset(z) != Z_OK) {
            return PX_FAIL(reterr, PX_INVALID, "not a gzip stream, or a damaged one");
        }
    }
    return PX_FAIL(reterr, PX_INVALID, "more than %d gzip members", PX_GUNZIP_MEMBERS);
}

enum px_code px_gunzip(struct px_str in, struct px_buf *out, struct px_err *reterr) {
    struct z_stream_s z = {.zalloc = gunzip_alloc, .zfree = gunzip_free};

    if (in.n > UINT32_MAX) {
        return PX_FAIL(reterr, PX_TOO_LARGE, "%zu bytes of gzip", in.n);
    }
    z.next_in = (const Bytef *)in.p;
    z.avail_in = (uInt)in.n;
    int rc = inflateInit2(&z, GZIP_ONLY);
    if (rc != Z_OK) {
        return gunzip_refuse(rc, reterr);
    }
    enum px_code code = gunzip_all(&z, in, out, reterr);
    PX_IGNORE(inflateEnd(&z) != Z_OK); /* frees; there is nothing more to learn */
    return code;
}
