/* The book: what a generator intended and what came of it, as an append-only text file. px-load
 * writes it while it sends, px-ledger reads it afterwards and holds log, tables and API against it.
 *
 * LF lines of TAB-separated fields. The first is "#px-book 1", "seed=N", "prefix=TEXT"; further
 * lines that begin with # are comments. Then, in the order of events:
 *   i  n t want type player banner eid               written before the request's bytes are sent
 *   o  n t class status event_id received code       after the answer or the end of the connection
 * n is the request's number, unique in the file (a retry is a request of its own); t is unix time
 * in microseconds; "-" stands for nothing. A request without an o line has the class maybe. A last
 * line without its LF was cut off with its writer and is ignored. */
#ifndef BOOK_H
#define BOOK_H

#include <px/buf.h>

enum book_class {
    BOOK_OK,    /* 200: stored                                                                */
    BOOK_NO,    /* surely not stored: 4xx, a 503 that says so, or nothing was sent            */
    BOOK_MAYBE, /* 503 log_unknown, a cut connection, no answer in time                       */
};

/* Texts are borrowed. None may hold TAB, CR, LF or NUL, nor be just "-": that is not written but
 * makes the next flush fail. n = 0: nothing, written as "-". */
struct book_intent {
    uint64_t n;
    px_us at;
    struct px_str want; /* "ok", or the error code that a correct ingest answers */
    struct px_str type, player, banner, eid;
};
struct book_outcome {
    uint64_t n;
    px_us at;
    enum book_class class;
    int status; /* HTTP; 0 = no answer */
    struct px_str event_id, received, code;
};

/* --- writing. Threads: owner --- */

struct book {
    int fd;
    bool bad; /* a text that cannot stand in a line was refused */
    struct px_buf b;
};
#define BOOK_INIT ((struct book){.fd = -1})

/* book_create(b, path, seed, prefix, reterr): begin the file ${path} with its first line. A file
 * that holds anything is never overwritten. Errors: PX_INVALID (there is one, or ${prefix}), PX_IO.
 */
PX_MUST_USE enum px_code book_create(struct book *b, const char *path, uint64_t seed,
                                     struct px_str prefix, struct px_err *reterr);

/* book_intent(b, i), book_outcome(b, o): add a line, in memory. */
void book_intent(struct book *b, const struct book_intent *i);
void book_outcome(struct book *b, const struct book_outcome *o);

/* book_flush(b, reterr): write what was added since the last flush, in one write(2) unless the
 * system takes less. Errors: PX_IO, PX_NOMEM, PX_INVALID (a text); the book is of no more use. */
PX_MUST_USE enum px_code book_flush(struct book *b, struct px_err *reterr);

/* book_close(b, reterr): flush, close and free. Safe on BOOK_INIT and on a closed book. */
PX_MUST_USE enum px_code book_close(struct book *b, struct px_err *reterr);

/* --- reading. Threads: owner --- */

struct book_line {
    enum {
        BOOK_INTENT,
        BOOK_OUTCOME
    } kind;
    union {
        struct book_intent intent;
        struct book_outcome outcome;
    };
};

struct book_reader {
    const char *path; /* borrowed */
    struct px_str text;
    size_t pos, line; /* line: number of the line read last, from 1 */
    uint64_t seed;
    struct px_str prefix;
    bool torn; /* the file ends without an LF: what stands behind the last one is ignored */
};
#define BOOK_READER_INIT ((struct book_reader){.path = NULL})

/* book_open(r, path, reterr): map the file as long as it is now, and read its first line.
 * Everything that the reader gives is a view into the map, valid until book_reader_close. ${r}
 * keeps ${path}. Errors: PX_IO, PX_INVALID (no book, or of another version). */
PX_MUST_USE enum px_code book_open(struct book_reader *r, const char *path, struct px_err *reterr);

/* book_next(r, ret, reterr): the next line that is no comment, all its fields checked; "-" is n =
 * 0. PX_NO_ROW: the end (${reterr} untouched). Errors: PX_INVALID, with file and line. */
PX_MUST_USE enum px_code book_next(struct book_reader *r, struct book_line *ret,
                                   struct px_err *reterr);

/* book_reader_close(r): safe on BOOK_READER_INIT and twice. */
void book_reader_close(struct book_reader *r);

#endif
