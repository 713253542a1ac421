/* Private to obs: what a log line is made of besides its fields. */
#ifndef PX_OBS_LOG_JSON_H
#define PX_OBS_LOG_JSON_H

#include <px/buf.h>
#include <px/log.h>

struct px_log_head {
    px_us at;
    enum px_log_level level;
    const char *event;
    const char *service, *version, *instance; /* NULL = not said yet */
    uint64_t suppressed, dropped;             /* 0 = not written     */
    uint64_t k0, k1;                          /* key of PX_F_PII     */
};

/* px_log_json(out, head, fields, n): the whole line with its newline. ${out} stands on fixed
 * memory (cap == max) and is never asked for more: fields that do not fit are left out and marked.
 * Threads: pure. */
void px_log_json(struct px_buf *out, const struct px_log_head *head, const struct px_field *fields,
                 size_t n);

/* "debug", "info", "warn", "error". */
const char *px_log_level_name(enum px_log_level level);

#endif
