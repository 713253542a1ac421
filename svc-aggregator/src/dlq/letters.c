/* Reads dead letters and sorts out those that are asked for. What a letter says is libcore's codec;
 * how it is shown is letter_text.c. */
#include "letters.h"

#include <px/validate.h>

enum px_code agg_letters_open(struct agg_letters *l, const struct px_log_reader_conf *conf,
                              const struct agg_letter_filter *filter, struct agg_letter_ids ids,
                              struct px_err *reterr) {
    *l = (struct agg_letters){.filter = *filter, .ids = ids};
    struct px_log_reader_conf c = *conf;
    c.since = filter->since; /* a letter's record is never older than the letter */
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = px_log_reader_open(&c, &l->reader, &err);
    if (rc == PX_NOT_FOUND) {
        return PX_FAIL(reterr, rc,
                       "%s: create it, or correct Kafka:Region, Kafka:Organization and "
                       "Kafka:EnvironmentName",
                       err.msg);
    }
    if (rc != PX_OK && reterr) {
        *reterr = err;
    }
    return rc;
}

void agg_letters_close(struct agg_letters *l) {
    px_message_free(&l->message);
    px_log_reader_close(l->reader);
    l->reader = NULL;
}

enum px_code agg_letters_again(struct agg_letters *l, struct px_err *reterr) {
    px_message_free(&l->message);
    l->seen = l->unreadable = 0;
    return px_log_reader_rewind(l->reader, reterr);
}

/* The type stands in front, so that bytes which go wrong further on, or are cut there, tell it. */
static struct px_str type_of(struct px_str body) {
    struct px_avro_in in = px_avro_on(body);
    (void)px_avro_bytes(&in);      /* event_id        */
    (void)px_avro_opt_string(&in); /* client_event_id */
    struct px_str type = px_avro_bytes(&in);
    return in.failed || type.n > PX_ID_MAX || !px_utf8_valid(type) ? PX_S("") : type;
}

void agg_letter_parse(struct px_str bytes, struct agg_letter_ids ids, struct agg_letter *ret) {
    uint32_t schema = 0;
    struct px_dead_letter d = {.partition = -1, .offset = -1};
    ret->bytes = bytes;
    ret->readable = bytes.p && px_dead_letter_read(bytes, ids.letter, &d, NULL) == PX_OK;
    ret->d = d;
    bool event = px_wire_get(d.payload, &schema, &ret->body) && schema == ids.event;
    ret->body = event ? ret->body : (struct px_str){.p = NULL};
    ret->type = event ? type_of(ret->body) : d.event_type;
}

bool agg_letter_of_log(const struct agg_letter *l) {
    return l->readable && l->d.topic.n > 0 && l->d.partition >= 0 && l->d.offset >= 0;
}

bool agg_letter_whole(const struct agg_letter *l) {
    return l->readable && l->d.payload_bytes == 0 && l->d.key_bytes == 0;
}

struct px_str agg_letter_value(const struct agg_letter *l) {
    bool null = px_str_is(l->d.reason, px_reason_code(PX_REASON_NULL_MESSAGE));
    return (struct px_str){.p = null             ? NULL
                                : l->d.payload.p ? l->d.payload.p
                                                 : "",
                           .n = l->d.payload.n};
}

static bool unfiltered(const struct agg_letter_filter *f) {
    return f->reason.n == 0 && f->type.n == 0 && f->request.n == 0 && f->since == 0 &&
           f->until == 0 && f->partition < 0 && f->offset < 0;
}

bool agg_letter_matches(const struct agg_letter_filter *f, const struct agg_letter *l) {
    if (!l->readable) {
        return unfiltered(f);
    }
    const struct px_dead_letter *d = &l->d;
    return (f->reason.n == 0 || px_str_eq(f->reason, d->reason)) &&
           (f->type.n == 0 || px_str_eq(f->type, l->type)) &&
           (f->request.n == 0 || px_str_eq(f->request, d->request_id)) && d->at >= f->since &&
           (f->until == 0 || d->at < f->until) &&
           (f->partition < 0 || d->partition == f->partition) &&
           (f->offset < 0 || d->offset == f->offset);
}

enum px_code agg_letters_next(struct agg_letters *l, struct agg_letter *ret,
                              struct px_err *reterr) {
    for (;;) {
        px_message_free(&l->message);
        enum px_code rc = px_log_reader_next(l->reader, &l->message, reterr);
        if (rc != PX_OK) {
            return rc;
        }
        *ret = (struct agg_letter){.at_partition = l->message.partition,
                                   .at_offset = l->message.offset};
        agg_letter_parse(l->message.value, l->ids, ret);
        l->seen++;
        l->unreadable += ret->readable ? 0 : 1;
        if (agg_letter_matches(&l->filter, ret)) {
            return PX_OK;
        }
    }
}
