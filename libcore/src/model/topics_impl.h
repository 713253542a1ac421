/* The body of what topics.yaml says, shared by the file that reads it (topics_yaml.c) and the file
 * that compares it with a cluster (topics_diff.c). Nobody else may look inside. */
#ifndef PX_TOPICS_IMPL_H
#define PX_TOPICS_IMPL_H

#include <px/arena.h>
#include <px/topics.h>

struct px_topics {
    struct px_arena mem; /* everything below lives here */
    struct px_cluster want;
    const char **principals; /* all of the file, also those without a permission */
    size_t nprincipals;
};

/* What it means to change a setting of a topic that has data. */
enum px_setting_risk {
    PX_SETTING_FREE,
    PX_SETTING_LOWER, /* a lower number loses something; -1 is the highest */
    PX_SETTING_ANY    /* any other value loses something                   */
};
struct px_setting_rule {
    const char *name;
    enum px_setting_risk risk;
    bool number;
    const char *why; /* the loss, as a sentence for the confirmation */
};
/* px_setting_rule_of(name): its row, NULL when topics.yaml may not name it. Threads: pure. */
const struct px_setting_rule *px_setting_rule_of(const char *name);

#endif
