/* The dead letters of a topic, one after the other, as an operator asks for them. Between
 * px_log_reader and the commands of --dlq; reads Kafka only. */
#ifndef AGG_LETTERS_H
#define AGG_LETTERS_H

#include <px/arena.h>
#include <px/event_avro.h>
#include <px/log_reader.h>

/* Which ones. Of times, since is included and until is not. */
struct agg_letter_filter {
    struct px_str reason, type; /* n = 0 = any                     */
    struct px_str request;      /* id of a refused request; n = 0 = any */
    px_us since, until;         /* when the letter was written; 0 = open */
    int64_t partition, offset;  /* of the origin; -1 = any         */
};

/* The schema ids in the frames of the letters and of the records that they hold. */
struct agg_letter_ids {
    uint32_t event, letter;
};

struct agg_letter {
    struct px_dead_letter d; /* views into ${bytes} */
    struct px_str bytes;     /* the record of the dead-letter topic */
    int32_t at_partition;    /* where it stands itself */
    int64_t at_offset;
    bool readable;      /* false: no dead letter at all; ${d} is empty */
    struct px_str type; /* of the event, as far as bytes or letter tell; n = 0 = they do not */
    struct px_str body; /* of a payload that is framed as our event; .p NULL = it is not */
};

struct agg_letters {
    struct px_log_reader *reader;
    struct agg_letter_filter filter;
    struct agg_letter_ids ids;
    struct px_message message; /* of the letter given last */
    int64_t seen, unreadable;  /* since the last begin     */
};

/* agg_letters_open(l, conf, filter, ids, reterr): begin with the first one. Errors: as
 * px_log_reader_open; a topic that is missing names the remedy. */
PX_MUST_USE enum px_code agg_letters_open(struct agg_letters *l,
                                          const struct px_log_reader_conf *conf,
                                          const struct agg_letter_filter *filter,
                                          struct agg_letter_ids ids, struct px_err *reterr);
void agg_letters_close(struct agg_letters *l); /* fine on a zeroed one */
/* agg_letters_again(l, reterr): from the first one, to the same end. */
PX_MUST_USE enum px_code agg_letters_again(struct agg_letters *l, struct px_err *reterr);
/* agg_letters_next(l, ret, reterr): the next that matches; valid until the next call. What cannot
 * be read is given only when nothing is filtered. PX_NO_ROW: there is none any more. Errors: as
 * px_log_reader_next. */
PX_MUST_USE enum px_code agg_letters_next(struct agg_letters *l, struct agg_letter *ret,
                                          struct px_err *reterr);

/* agg_letter_parse(bytes, ids, ret): fill d, bytes, readable, type and body. Threads: pure. */
void agg_letter_parse(struct px_str bytes, struct agg_letter_ids ids, struct agg_letter *ret);
/* agg_letter_matches(f, l): Threads: pure. */
bool agg_letter_matches(const struct agg_letter_filter *f, const struct agg_letter *l);
/* agg_letter_of_log(l): of a record of the log (not of a refused request)? agg_letter_whole(l): all
 * bytes of record and key are there? Threads: pure. */
bool agg_letter_of_log(const struct agg_letter *l);
bool agg_letter_whole(const struct agg_letter *l);
/* agg_letter_value(l): the record as it was read from the log; .p NULL = it had no value. */
struct px_str agg_letter_value(const struct agg_letter *l);

#endif
