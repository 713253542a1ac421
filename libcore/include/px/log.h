/* Structured logs: one JSON object per line on stderr. The message is a constant dotted event name,
 * everything else a typed field; there are no format strings. Library code does not log above
 * DEBUG: the place that handles an error logs it, once.
 *
 *     px_log(PX_LOG_WARN, "kafka.unreachable", PX_F_STR("kafka.broker", s), PX_F_ERR(&err),
 *            PX_F_C("remedy", "check Kafka:BootstrapServers"));
 */
#ifndef PX_LOG_H
#define PX_LOG_H

#include <px/clock.h>
#include <px/err.h>
#include <px/str.h>

enum px_log_level {
    PX_LOG_DEBUG,
    PX_LOG_INFO,
    PX_LOG_WARN,
    PX_LOG_ERROR
};

enum px_field_kind {
    PX_FIELD_STR,
    PX_FIELD_INT,
    PX_FIELD_BOOL,
    PX_FIELD_MS,
    PX_FIELD_ERR,
    PX_FIELD_PII
};
struct px_field {
    const char *key;
    enum px_field_kind kind;
    struct px_str s;
    int64_t i;
    const struct px_err *err;
};
#define PX_F_STR(k, v)  ((struct px_field){.key = (k), .kind = PX_FIELD_STR, .s = (v)})
#define PX_F_C(k, v)    ((struct px_field){.key = (k), .kind = PX_FIELD_STR, .s = px_str_c(v)})
#define PX_F_INT(k, v)  ((struct px_field){.key = (k), .kind = PX_FIELD_INT, .i = (int64_t)(v)})
#define PX_F_BOOL(k, v) ((struct px_field){.key = (k), .kind = PX_FIELD_BOOL, .i = (v) ? 1 : 0})
/* a span in microseconds, written in milliseconds with three decimals */
#define PX_F_MS(k, us) ((struct px_field){.key = (k), .kind = PX_FIELD_MS, .i = (us)})
/* error.type, error.message, error.where and, for SQL, db.response.status_code */
#define PX_F_ERR(e) ((struct px_field){.key = "error", .kind = PX_FIELD_ERR, .err = (e)})
/* personal data: only a keyed hash (key drawn at start) reaches the log */
#define PX_F_PII(k, v) ((struct px_field){.key = (k), .kind = PX_FIELD_PII, .s = (v)})

/* One static instance per call site: at most 10 lines a second pass, the rest are counted and
 * reported with the next line that passes ("log.suppressed"). */
struct px_log_site {
    int64_t second;
    uint32_t count, suppressed;
};

#define px_log(level, event, ...)                                                                  \
    do {                                                                                           \
        static struct px_log_site px_log_site_;                                                    \
        const struct px_field px_log_fields_[] = {PX_F_INT(NULL, 0), __VA_ARGS__};                 \
        px_log_write(&px_log_site_, (level), (event), px_log_fields_ + 1,                          \
                     PX_ARRAY_LEN(px_log_fields_) - 1);                                            \
    } while (0)
/* px_log0: an event without fields. */
#define px_log0(level, event)                                                                      \
    do {                                                                                           \
        static struct px_log_site px_log_site_;                                                    \
        px_log_write(&px_log_site_, (level), (event), NULL, 0);                                    \
    } while (0)

struct px_log_conf {
    const char *service, *version, *instance; /* service.name, .version, .instance.id; kept */
    enum px_log_level level;
    int fd;                       /* where lines go; 2             */
    const struct px_clock *clock; /* NULL = the machine's; kept    */
};
/* px_log_init(conf): set the sink; strings must outlive the program. Before it, lines go to fd 2 at
 * INFO. px_log_set_level may be called at any time (SIGHUP). Threads: init owner, others any.
 * A line is one write(2) of at most PX_LOG_LINE_MAX bytes, so that lines of several processes on
 * one pipe never mix; what does not fit is left out and "log.truncated" says so. A full or broken
 * pipe drops and counts the line ("log.dropped" on the next one), and blocks for 5 ms at most. */
#define PX_LOG_LINE_MAX 4096
void px_log_init(const struct px_log_conf *conf);
void px_log_set_level(enum px_log_level level);
/* px_log_write(site, level, event, fields, n): what the macros call. ${site} may be NULL (no rate
 * limit). Invalid UTF-8 becomes U+FFFD; strings are cut at 1 KiB. errno is kept. Threads: any. */
void px_log_write(struct px_log_site *site, enum px_log_level level, const char *event,
                  const struct px_field *fields, size_t n);
uint64_t px_log_dropped(void); /* lines lost so far; for a metric. Threads: any */

#endif
