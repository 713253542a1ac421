/* Records of the erasure topic: {"version":1,"kid":...,"fingerprint":...,"askedAt":...} under the
 * fingerprint as key. */
#include "topic.h"

#include "send.h"

#include <px/json.h>
#include <px/jsonw.h>
#include <px/log_reader.h>
#include <px/num.h>

#define RECORD_MAX 4096
#define WAIT       (30 * PX_US_PER_S)

void agg_erase_record(const struct agg_entry *e, struct px_buf *out) {
    char at[PX_TIME_TEXT];
    struct px_jsonw w = px_jsonw_on(out);
    size_t n = px_fmt_instant(e->asked_at, at);
    px_jw_obj(&w);
    px_jw_ki64(&w, "version", 1);
    px_jw_kc(&w, "kid", e->kid);
    px_jw_kc(&w, "fingerprint", e->fingerprint);
    px_jw_kstr(&w, "askedAt", (struct px_str){.p = at, .n = n});
    px_jw_obj_end(&w);
}

static bool text_of(const struct px_jnode *root, const char *name, char *out, size_t cap) {
    const struct px_jnode *n = px_json_get(root, name);
    return n && px_json_type(n) == PX_JSON_STRING && px_str_copy(px_json_text(n), out, cap);
}

/* Members may be added by later releases; these stay. */
bool agg_erase_record_read(struct px_str key, struct px_str value, struct agg_entry *ret) {
    struct agg_entry e = {.number = 0};
    struct px_json *doc = NULL;
    uint8_t f[PX_HMAC_BYTES];
    char at[PX_TIME_TEXT];
    if (!value.p || px_json_parse(value, RECORD_MAX, &doc, NULL) != PX_OK) {
        return false;
    }
    const struct px_jnode *root = px_json_root(doc);
    bool ok = text_of(root, "kid", e.kid, sizeof e.kid) && e.kid[0] &&
              text_of(root, "fingerprint", e.fingerprint, sizeof e.fingerprint) &&
              text_of(root, "askedAt", at, sizeof at) &&
              px_parse_instant(px_str_c(at), &e.asked_at) &&
              px_hmac_unhex(px_str_c(e.fingerprint), f) && px_str_is(key, e.fingerprint);
    px_json_free(doc);
    if (ok) {
        *ret = e;
    }
    return ok;
}

static enum px_code take(const struct px_message *m, struct agg_erase_reading *r,
                         struct px_err *reterr) {
    struct agg_entry e;
    if (agg_erase_record_read(m->key, m->value, &e)) {
        return r->each(r->arg, &e, reterr);
    }
    r->strange++;
    r->partition = m->partition;
    r->offset = m->offset;
    return PX_OK;
}

enum px_code agg_erase_topic_read(const struct agg_erase_topic *t, struct agg_erase_reading *r,
                                  struct px_err *reterr) {
    struct px_log_reader_conf c = {
        .kafka = t->kafka, .client_id = t->client_id, .topic = t->topic, .timeout = WAIT};
    struct px_log_reader *log = NULL;
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = px_log_reader_open(&c, &log, &err);
    if (rc != PX_OK) {
        return PX_FAIL(reterr, rc, "%s%s", err.msg,
                       rc == PX_NOT_FOUND ? ": svc-aggregator --topics=apply makes it" : "");
    }
    while (rc == PX_OK) {
        struct px_message m = {.partition = 0};
        rc = px_log_reader_next(log, &m, reterr);
        if (rc == PX_OK) {
            rc = take(&m, r, reterr);
            px_message_free(&m);
        }
    }
    px_log_reader_close(log);
    return rc == PX_NO_ROW ? PX_OK : rc;
}

enum px_code agg_erase_topic_put(const struct agg_erase_topic *t, const struct agg_entry *e,
                                 struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf value = PX_BUF_INIT(RECORD_MAX);
    struct agg_sender_conf c = {.kafka = t->kafka,
                                .client_id = t->client_id,
                                .topic = t->topic,
                                .timeout = WAIT,
                                .clock = &px_clock_system};
    struct agg_sender *s = NULL;
    agg_erase_record(e, &value);
    struct agg_sending one = {.key = px_str_c(e->fingerprint), .value = px_buf_view(&value)};
    enum px_code rc = px_buf_ok(&value, reterr);
    rc = rc == PX_OK ? agg_sender_open(&c, &s, reterr) : rc;
    rc = rc == PX_OK ? agg_sender_put(s, &one, 1, reterr) : rc;
    if (rc == PX_OK && !one.stored) {
        rc = PX_FAIL(reterr, PX_UNAVAILABLE, "%s did not take the record", t->topic);
    }
    agg_sender_close(s);
    return rc;
}
