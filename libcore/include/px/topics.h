/* deploy/kafka/topics.yaml: which topics and permissions a cluster shall hold, and in what a real
 * one differs. Pure: reading the file is the only input, no cluster is asked here. */
#ifndef PX_TOPICS_H
#define PX_TOPICS_H

#include <px/catalog.h>
#include <px/cluster.h>

/* From where the names come that the file does not hold. */
struct px_topics_names {
    const struct px_catalog *catalog;
    struct px_topic_parts parts;
    const char *group;    /* what `on: group` means */
    const char *erasures; /* name of the topic of erasures; NULL or "" = by the parts */
};

struct px_topics;

/* px_topics_load(path, names, ret, reterr): read and check the file, and say by ${names} what it
 * means. Unknown, missing and duplicate keys, kinds, operations, settings, wrong values and a
 * permission that is given twice are errors that name the row. Gives: free with px_topics_free.
 * Errors: PX_CONFIG, PX_NOMEM. */
PX_MUST_USE enum px_code px_topics_load(const char *path, const struct px_topics_names *names,
                                        struct px_topics **ret, struct px_err *reterr);
void px_topics_free(struct px_topics *t);
/* px_topics_want(t): all of it. Borrowed. Threads: pure. */
const struct px_cluster *px_topics_want(const struct px_topics *t);

/* One thing in which a cluster differs from the file. */
enum px_change_kind {
    PX_CHANGE_CREATE,      /* topic is missing                                        */
    PX_CHANGE_GROW,        /* topic has fewer partitions                              */
    PX_CHANGE_SHRINK,      /* topic has more: cannot be taken away                    */
    PX_CHANGE_REPLICATION, /* another number of copies: a reassignment of replicas    */
    PX_CHANGE_INSYNC,      /* fewer copies in sync than min.insync.replicas           */
    PX_CHANGE_SETTING,     /* setting has another value                               */
    PX_CHANGE_GRANT,       /* permission is missing                                   */
    PX_CHANGE_EXCESS,      /* permission that the file does not give                  */
    PX_CHANGE_OPEN         /* the brokers check no permissions at all                 */
};
enum px_change_how {
    PX_CHANGE_AT_ONCE, /* loses nothing and moves nothing                            */
    PX_CHANGE_CONFIRM, /* loses or moves something: only when somebody says so       */
    PX_CHANGE_BY_HAND  /* never done by this program; the text says by whom          */
};
struct px_change {
    enum px_change_kind kind;
    enum px_change_how how;
    const char *why;                      /* of CONFIRM and BY_HAND: a sentence */
    const struct px_cluster_topic *topic; /* as wanted; NULL for permissions    */
    const struct px_setting *setting;     /* as wanted                          */
    const struct px_acl *acl;
    const char *have_text; /* of SETTING; NULL = the brokers do not tell */
    int have;              /* of GROW, SHRINK, REPLICATION, INSYNC       */
};

/* px_topics_diff(t, have, out, reterr): every difference between the file and ${have}, in the order
 * in which they are to be made, appended to ${out} as struct px_change. ${have} lists the wanted
 * topics in the wanted order, with partitions 0 where there is none. What is kept: both, as long as
 * the changes are looked at. Errors: PX_NOMEM. Threads: pure. */
PX_MUST_USE enum px_code px_topics_diff(const struct px_topics *t, const struct px_cluster *have,
                                        struct px_buf *out, struct px_err *reterr);
/* px_change_text(c, out): one line without its end. px_change_verb(c): "create", "grow", ... */
void px_change_text(const struct px_change *c, struct px_buf *out);
const char *px_change_verb(const struct px_change *c);

#endif
