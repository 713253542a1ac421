/* A catalog, a policy and an arena around px_validate, and what a test says about its verdicts. */
#ifndef VALIDATE_RIG_H
#define VALIDATE_RIG_H

#include <px/validate.h>

#define VRIG_NOW INT64_C(1795255200000000) /* 2026-11-21T10:00:00Z */

struct validate_rig {
    struct px_catalog *cat;
    struct px_validate_policy policy; /* 30 days back, 5 minutes ahead */
    struct px_arena arena;
    struct px_validate_args args;
    struct px_event event; /* of the last judgement */
    struct px_verdict verdict;
};

/* vrig_init(g, events): with the catalog of file ${events}. vrig_setup and vrig_teardown are for
 * cmocka groups, with the product's catalog. */
void vrig_init(struct validate_rig *g, const char *events);
void vrig_fini(struct validate_rig *g);
int vrig_setup(void **state);
int vrig_teardown(void **state);

/* vrig_plain(): a visit that is valid. vrig_judge(g, raw): px_validate at VRIG_NOW with a fresh
 * verdict. vrig_expect(g, i, reason, field): the i-th issue of the last judgement is this one. */
struct px_raw_event vrig_plain(void);
enum px_code vrig_judge(struct validate_rig *g, const struct px_raw_event *raw);
void vrig_expect(const struct validate_rig *g, size_t i, enum px_reason reason, const char *field);

#endif
