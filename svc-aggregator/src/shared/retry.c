/* Error class -> what to do, and how long to wait before. */
#include "retry.h"

enum agg_retry agg_retry_decide(const struct px_err *err, unsigned attempt, size_t items) {
    switch (err->code) {
    case PX_SQL_RETRY:
    case PX_NOMEM:
    case PX_TIMEOUT:
        return attempt < AGG_AGAIN_MAX ? AGG_AGAIN : AGG_RECONNECT;
    case PX_SQL_LOST:
    case PX_UNKNOWN_OUTCOME:
    case PX_UNAVAILABLE:
        return AGG_RECONNECT;
    case PX_SQL_DATA:
    case PX_TOO_LARGE: /* the rows of one statement */
        if (items == 0) {
            return AGG_STOP;
        }
        return items > 1 ? AGG_SPLIT : AGG_DEAD_LETTER;
    case PX_FENCED:
        return AGG_REJOIN;
    default: /* codes of other layers too: whatever is not known to pass by itself ends the program
              */
        return AGG_STOP;
    }
}

const char *agg_retry_name(enum agg_retry r) {
    static const char *const names[] = {
#define AGG_X(name, label, text) label,
        AGG_RETRY_CLASSES(AGG_X)
#undef AGG_X
    };
    return names[r];
}

const char *agg_retry_remedy(enum agg_retry r) {
    static const char *const remedies[] = {
#define AGG_X(name, label, text) text,
        AGG_RETRY_CLASSES(AGG_X)
#undef AGG_X
    };
    return remedies[r];
}

px_us agg_retry_pause(unsigned attempt, uint64_t random) {
    px_us whole = 5 * PX_US_PER_S;
    if (attempt < 6 && (100 * PX_US_PER_MS << attempt) < whole) {
        whole = 100 * PX_US_PER_MS << attempt;
    }
    px_us half = whole / 2;
    return half + (px_us)(random % (uint64_t)(half + 1));
}
