/* The connection of administration, shared by the file that opens and reads (admin.c), the one that
 * changes topics (admin_topics.c) and the one for permissions (admin_acls.c). */
#ifndef PX_KAFKA_ADMIN_INTERNAL_H
#define PX_KAFKA_ADMIN_INTERNAL_H

#include "look.h"

#include <px/arena.h>
#include <px/kafka_admin.h>

struct px_kafka_admin {
    struct px_look look;
    struct px_arena mem; /* what was read */
    rd_kafka_queue_t *queue;
    px_us timeout;
};

/* What a request is about: for the message when it is denied. */
struct px_admin_subject {
    enum px_acl_op op;
    enum px_acl_on on;
    const char *name;
};

/* px_admin_begin(a): a new deadline for the next request, whose answer goes to a->queue.
 * px_admin_wait(a, s, ret, reterr): that answer; ${ret} to be freed with rd_kafka_event_destroy
 * when it is PX_OK. px_admin_outcome(a, s, err, text, reterr): one result inside of it. */
void px_admin_begin(struct px_kafka_admin *a);
PX_MUST_USE enum px_code px_admin_wait(struct px_kafka_admin *a, const struct px_admin_subject *s,
                                       rd_kafka_event_t **ret, struct px_err *reterr);
PX_MUST_USE enum px_code px_admin_outcome(const struct px_kafka_admin *a,
                                          const struct px_admin_subject *s, rd_kafka_resp_err_t err,
                                          const char *text, struct px_err *reterr);
void px_admin_event_free(rd_kafka_event_t **ev); /* for PX_DEFER */
/* px_admin_keep(a, s): a copy that lives as long as ${a}; NULL without memory. */
const char *px_admin_keep(struct px_kafka_admin *a, const char *s);

/* admin_acls.c, admin_topics.c: parts of px_kafka_admin_read. */
PX_MUST_USE enum px_code px_admin_read_acls(struct px_kafka_admin *a, struct px_cluster *ret,
                                            struct px_err *reterr);
PX_MUST_USE enum px_code px_admin_read_settings(struct px_kafka_admin *a,
                                                struct px_cluster_topic *t, struct px_err *reterr);
PX_MUST_USE enum px_code px_admin_read_authorizer(struct px_kafka_admin *a, bool *ret,
                                                  struct px_err *reterr);

#endif
