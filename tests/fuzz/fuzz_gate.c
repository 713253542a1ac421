/* The request gate on any bytes, through the server's own way from bytes to requests: whole, cut
 * into pieces, and under small limits. However the bytes are cut, the requests and the verdict are
 * the same. Every request that is let through must be the same one, with the same body and the same
 * end, for three other readers; and where the gate waits for more, none of them may see a whole
 * request already. What the gate refuses, the others may read as they like: nothing behind it is
 * looked at. */
#include "fuzz.h"
#include "raw_table.h"
#include "ref.h"

#include "../../libcore/src/http/http_priv.h"

#include <px/mem.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__clang__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define REQUESTS 256

struct one {
    size_t end; /* in the input */
    enum px_method method;
    struct px_span target, path, query, body; /* copies, in text */
    size_t fields;
};

struct reading {
    struct one requests[REQUESTS];
    size_t n;
    struct px_buf text;
    enum px_step step; /* DONE = the server would have closed */
    enum px_http_refusal why;
};

static struct px_http_server server;
static struct px_http_conn conn;

static struct px_span keep(struct reading *r, struct px_str s) {
    struct px_span kept = {.at = (uint32_t)r->text.n, .n = (uint32_t)s.n};
    px_buf_str(&r->text, s);
    return kept;
}

static struct px_str kept(const struct reading *r, struct px_span s) {
    return (struct px_str){.p = r->text.p ? r->text.p + s.at : "", .n = s.n};
}

static void note(struct reading *r, size_t fed) {
    const struct px_http_req *q = &conn.work->req;
    FUZZ_CHECK(r->n < REQUESTS);
    r->requests[r->n++] = (struct one){.end = fed - (conn.in.end - conn.in.start - conn.used),
                                       .method = q->method,
                                       .target = keep(r, px_req_view(q, q->target)),
                                       .path = keep(r, px_req_path(q)),
                                       .query = keep(r, px_req_query(q)),
                                       .body = keep(r, px_req_body(q)),
                                       .fields = q->nfields};
}

/* As conn.c's answered(). False = it would close. */
static bool next_request(void) {
    const struct px_http_req *q = &conn.work->req;
    bool closes = q->says_close || (q->http10 && !q->says_keep);
    conn.in.start += conn.used;
    if (conn.in.start == conn.in.end) {
        conn.in.start = conn.in.end = 0;
    }
    px_conn_begin(&conn);
    return !closes;
}

/* Requests as long as whole ones are there. False = nothing more will be read. */
static bool parse(struct reading *r, size_t fed) {
    while (conn.state == PX_CONN_HEAD || conn.state == PX_CONN_BODY) {
        char *free_room = conn.in.p + conn.in.end;
        size_t room = conn.in.cap - conn.in.end;
        ASAN_POISON_MEMORY_REGION(free_room, room);
        r->step = px_conn_parse(&conn, &r->why);
        ASAN_UNPOISON_MEMORY_REGION(free_room, room);
        if (r->step == PX_STEP_MORE) {
            return true;
        }
        if (r->step == PX_STEP_REFUSED) {
            return false;
        }
        note(r, fed);
        if (r->n == REQUESTS || !next_request()) {
            return false;
        }
    }
    return true;
}

static void read_all(struct px_str in, size_t piece, const struct px_http_limits *lim,
                     struct reading *r) {
    size_t fed = 0;
    server.conf.limits = *lim;
    server.conf.limits.memory = 64 << 20;
    server.buf_max = lim->request_line + lim->headers + lim->body + 2 * PX_HTTP_EMBEDDED;
    conn.server = &server;
    FUZZ_CHECK(px_work_take(&conn));
    px_conn_begin(&conn);
    r->n = 0;
    r->step = PX_STEP_MORE;
    px_buf_init(&r->text, 64 << 20);
    bool going = true;
    while (going && fed < in.n) {
        size_t room = px_inbuf_room(&conn, false);
        size_t n = in.n - fed < piece ? in.n - fed : piece;
        n = n < room ? n : room;
        FUZZ_CHECK(n > 0);
        memcpy(conn.in.p + conn.in.end, in.p + fed, n);
        conn.in.end += n;
        fed += n;
        going = parse(r, fed);
    }
    px_work_give(&conn);
    FUZZ_CHECK(px_buf_ok(&r->text, NULL) == PX_OK);
}

static void check_cut(const struct reading *a, const struct reading *b) {
    FUZZ_CHECK(a->n == b->n);
    FUZZ_CHECK(a->step == b->step);
    FUZZ_CHECK(a->step != PX_STEP_REFUSED || a->why == b->why);
    FUZZ_CHECK(px_str_eq(px_buf_view(&a->text), px_buf_view(&b->text)));
    for (size_t i = 0; i < a->n; i++) {
        const struct one *x = &a->requests[i], *y = &b->requests[i];
        FUZZ_CHECK(x->end == y->end && x->method == y->method && x->fields == y->fields);
        FUZZ_CHECK(x->target.n == y->target.n && x->path.n == y->path.n);
        FUZZ_CHECK(x->query.n == y->query.n && x->body.n == y->body.n);
    }
}

static const char *method_name(enum px_method m) {
    static const char *const names[] = {"GET",    "HEAD",    "POST",  "PUT",
                                        "DELETE", "OPTIONS", "PATCH", "TRACE"};
    return names[m];
}

static const struct reader {
    const char *name;
    ref_reader *read;
    bool counts_fields;
    bool may_refuse; /* refuses requests that are good: "Transfer-Encoding+: x" with a length */
} readers[] = {
    {"the grammar", ref_rfc, true, false},
    {"libhttp-parser", ref_http_parser, false, true},
    {"llhttp", ref_llhttp, false, false},
};

static void check_reader(struct px_str in, const struct reading *r, const struct reader *with) {
    size_t at = 0;
    fuzz_with = with->name;
    for (size_t i = 0; i < r->n; i++) {
        const struct one *q = &r->requests[i];
        struct ref_request other = {.body = PX_BUF_INIT(64 << 20)};
        struct px_str rest = {.p = in.p + at, .n = in.n - at};
        enum ref_result result = with->read(rest, &other);
        if (result == REF_BAD && with->may_refuse) {
            px_buf_fini(&other.body);
            return;
        }
        FUZZ_CHECK(result == REF_COMPLETE);
        FUZZ_CHECK(at + other.end == q->end);
        FUZZ_CHECK(px_str_is(other.method, method_name(q->method)));
        FUZZ_CHECK(px_str_eq(other.target, kept(r, q->target)));
        FUZZ_CHECK(px_str_eq(px_buf_view(&other.body), kept(r, q->body)));
        FUZZ_CHECK(!with->counts_fields || other.fields == q->fields);
        px_buf_fini(&other.body);
        at = q->end;
    }
    if (r->step == PX_STEP_MORE && at < in.n) {
        struct ref_request other = {.body = PX_BUF_INIT(64 << 20)};
        struct px_str rest = {.p = in.p + at, .n = in.n - at};
        FUZZ_CHECK(with->read(rest, &other) != REF_COMPLETE);
        px_buf_fini(&other.body);
    }
}

static size_t piece_of(struct px_str in) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < in.n; i++) {
        h = (h ^ (uint8_t)in.p[i]) * 16777619u;
    }
    return 1 + h % 40;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct px_http_limits small = {
        .request_line = 64, .query = 16, .headers = 128, .header_count = 4, .body = 16};
    static struct reading whole, cut;
    struct px_str in = {.p = (const char *)data, .n = size};
    const struct px_http_limits *limits[] = {&px_http_default_limits, &small};
    for (size_t i = 0; i < PX_ARRAY_LEN(limits); i++) {
        read_all(in, SIZE_MAX, limits[i], &whole);
        read_all(in, piece_of(in), limits[i], &cut);
        check_cut(&whole, &cut);
        for (size_t k = 0; k < PX_ARRAY_LEN(readers); k++) {
            check_reader(in, &whole, &readers[k]);
        }
        px_buf_fini(&whole.text);
        px_buf_fini(&cut.text);
    }
    return 0;
}

/* The requests of the table that integration tests send to the real programs. */
void fuzz_more(fuzz_one_fn *one) {
    struct raw_table t;
    raw_table_load("tests/http/raw.txt", RAW_INGEST, &t);
    for (size_t i = 0; i < t.n; i++) {
        one(t.rows[i].name, px_buf_view(&t.rows[i].bytes));
    }
    raw_table_free(&t);
}
