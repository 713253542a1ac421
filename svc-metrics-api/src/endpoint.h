/* What an endpoint is: one row of endpoints.c. Routing, parameters, the query, the answer and the
 * OpenAPI document all follow from it; an undocumented route cannot exist. */
#ifndef API_ENDPOINT_H
#define API_ENDPOINT_H

#include <px/http.h>
#include <px/jsonw.h>
#include <px/rollup.h>

#include "counts.h"
#include "db.h"

#define API_MAX_FIELD_ERRORS 8

/* What is wrong with a request, all of it at once. */
struct api_faults {
    int status; /* 0 = nothing */
    struct {
        char field[64];
        char code[32];
        char message[PX_ERR_MSG_MAX];
    } v[API_MAX_FIELD_ERRORS];
    size_t n;
};
/* api_fault(f, status, field, code, fmt...): note one; the first status stands. */
void api_fault(struct api_faults *f, int status, const char *field, const char *code,
               const char *fmt, ...) PX_PRINTF(5, 6);

enum {
    API_TAKES_RANGE = 1,
    API_TAKES_GRAIN = 2,
    API_TAKES_PAGE = 4,
    API_TAKES_TRAFFIC = 8
};

struct api_page {
    size_t limit, first; /* entries of the series on this page: [first, end) */
    size_t end, total;
};

/* One request on its way: parameters in, rows in the middle, JSON out. */
struct api_call {
    const struct api_endpoint *ep;
    const struct px_catalog *catalog;
    const struct px_rollups *rollups;
    const struct px_zone *zone;
    struct px_str name; /* {bannerTag}, {eventType}, {name}: decoded, in the arena */
    struct api_range range;
    bool human; /* traffic=human */
    struct api_page page;
    uint64_t fingerprint; /* of everything but the page: a cursor belongs to one query */
    struct px_arena *arena;

    /* filled by load, on a database thread */
    struct api_counts counts, before;
    struct api_left_out left_out;
    struct api_traffic traffic;
    struct api_rollup_row *rows;
    size_t nrows;
    struct api_freshness fresh;
};

struct api_endpoint {
    const char *path; /* "/api/metrics/trends/{eventType}": at most one {part}, the last */
    const char *id, *summary, *description;
    const char *path_param, *path_doc; /* name without braces; NULL when there is none */
    unsigned takes;
    const char *data_schema; /* JSON Schema of `data` in the OpenAPI document */

    /* check: judge the path part on the loop thread (unknown type: 404). May be NULL. */
    void (*check)(const struct api_call *call, struct api_faults *f);
    /* load: read rows inside the snapshot; sets page.total. Threads: database worker. */
    enum px_code (*load)(struct api_db *db, struct api_call *call, struct px_err *reterr);
    /* write: the value of `data`. Threads: pure. */
    void (*write)(const struct api_call *call, struct px_jsonw *w);
};

const struct api_endpoint *api_endpoints(size_t *ret_n);

/* The endpoints' own files. */
enum px_code api_load_conversion(struct api_db *db, struct api_call *call, struct px_err *reterr);
void api_write_conversion(const struct api_call *call, struct px_jsonw *w);
enum px_code api_load_campaign(struct api_db *db, struct api_call *call, struct px_err *reterr);
void api_write_campaign(const struct api_call *call, struct px_jsonw *w);
void api_check_banner(const struct api_call *call, struct api_faults *f);
enum px_code api_load_trends(struct api_db *db, struct api_call *call, struct px_err *reterr);
void api_write_trends(const struct api_call *call, struct px_jsonw *w);
void api_check_type(const struct api_call *call, struct api_faults *f);
enum px_code api_load_daily(struct api_db *db, struct api_call *call, struct px_err *reterr);
void api_write_daily(const struct api_call *call, struct px_jsonw *w);
void api_check_rollup(const struct api_call *call, struct api_faults *f);
enum px_code api_load_rollup(struct api_db *db, struct api_call *call, struct px_err *reterr);
void api_write_rollup(const struct api_call *call, struct px_jsonw *w);
enum px_code api_load_traffic(struct api_db *db, struct api_call *call, struct px_err *reterr);
void api_write_traffic(const struct api_call *call, struct px_jsonw *w);

/* api_load_counts(db, call, filter, counts, reterr): the rows of counts->range, and, where it was
 * asked for, without what no person caused; call->left_out tells of call->counts. */
PX_MUST_USE enum px_code api_load_counts(struct api_db *db, struct api_call *call,
                                         const struct api_filter *filter, struct api_counts *counts,
                                         struct px_err *reterr);

/* api_write_bucket(call, w, i): the member that names bucket ${i}: "date" or "time". */
void api_write_bucket(const struct api_call *call, struct px_jsonw *w, size_t i);
/* api_write_rate(w, key, num, den): {numerator, denominator, rate}; 0/0 and n/0 are null. */
void api_write_rate(struct px_jsonw *w, const char *key, int64_t num, int64_t den);
/* api_write_ratio(w, num, den): num/den with six decimals, half away from zero; null when den is 0.
 */
void api_write_ratio(struct px_jsonw *w, int64_t num, int64_t den);
/* api_page_cut(page, total): where this page ends. */
void api_page_cut(struct api_page *page, size_t total);

#endif
