/* An ingest that says what a test tells it to: HTTP on 127.0.0.1 in a thread, one rule per request.
 * It stores nothing, knows keep-alive, and knows px-load's faulty requests by their looks. */
#ifndef TEST_FAKE_INGEST_H
#define TEST_FAKE_INGEST_H

#include <stdint.h>

enum fake_answer {
    FAKE_RIGHT,      /* 200 with an id and a time; for px-load's faults the refusal that is due */
    FAKE_RIGHT_LAST, /* the same, then closes, as it says */
    FAKE_BUSY,       /* 503: surely not stored */
    FAKE_UNKNOWN,    /* 503 log_unknown */
    FAKE_STRANGE,    /* 500 */
    FAKE_GARBAGE,    /* no HTTP */
    FAKE_CUT,        /* closes without an answer */
    FAKE_NOTHING,    /* never answers */
};
/* What to do with the request of number ${n}, from 0. ${text}: its bytes, NUL-terminated. Called in
 * the server's thread, one call at a time; may wait. */
typedef enum fake_answer fake_rule(void *arg, const char *text, uint32_t n);

struct fake_ingest;
struct fake_ingest *fake_ingest_start(fake_rule *rule, void *arg);
int fake_ingest_port(const struct fake_ingest *f);
uint32_t fake_ingest_connections(const struct fake_ingest *f); /* accepted so far */
uint32_t fake_ingest_requests(const struct fake_ingest *f);    /* given to the rule so far */
void fake_ingest_stop(struct fake_ingest *f);

#endif
