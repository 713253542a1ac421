/* What came of each request: into its entry of the run, the measures, the book and the list of ids.
 * Nothing reaches a file before record_flush. */
#ifndef RECORD_H
#define RECORD_H

#include "book.h"
#include "load.h"

struct record {
    struct load_run *run;
    struct book book; /* fd -1: none is kept */
    int ids;          /* file, -1: none */
    struct px_buf ids_text;
};

struct outcome {
    enum load_state state;
    int status;             /* 0: no answer */
    uint32_t target;        /* LOAD_NONE: none of them */
    px_us latency, service; /* of an answer: from when it was due, from its sending */
    struct px_str event_id, received, code; /* as the peer sent them */
};

/* record_open(r, run, reterr): ${r} keeps ${run}. Errors: PX_INVALID, PX_IO, each naming the
 * option. */
PX_MUST_USE enum px_code record_open(struct record *r, struct load_run *run, struct px_err *reterr);

/* record_intent(r, i): request ${i} is about to be sent. */
void record_intent(struct record *r, uint32_t i);

/* record_outcome(r, i, o): its end; everything that a correct ingest would not answer is counted.
 */
void record_outcome(struct record *r, uint32_t i, const struct outcome *o);

/* record_flush(r, reterr), record_close(r, reterr): Errors: PX_IO, naming option and file; nothing
 * more can be recorded then. record_close is safe twice. */
PX_MUST_USE enum px_code record_flush(struct record *r, struct px_err *reterr);
PX_MUST_USE enum px_code record_close(struct record *r, struct px_err *reterr);

#endif
