/* The real svc-aggregator with a file of keys, a topic of erasures and a database, and what tests
 * of erasure look at. */
#ifndef ERASE_RIG_H
#define ERASE_RIG_H

#include "service_rig.h"

#define ERASE_TOPIC  "ERS_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS"
#define ERASE_PLAYER "player-5"

struct erase_rig {
    struct service_rig s;
    char keys[300]; /* the file */
    char out[1 << 16];
};

/* erase_rig_open(e, l, d): a migrated database, empty; ${l}'s cluster gets the topic. */
void erase_rig_open(struct erase_rig *e, struct log_rig *l, const struct px_dialect *d);
void erase_rig_close(struct erase_rig *e);
/* erase_rig_keys(e, text): what the file of keys holds from now on. */
void erase_rig_keys(struct erase_rig *e, const char *text);

/* ERASE_RUN(e, status, argument...): a command of svc-aggregator; its output is in e->out.
 * erase_says: fails the test unless ${text} is in it. */
#define ERASE_RUN(e, status, ...)                                                                  \
    erase_run((e), proc_bin("svc-aggregator"), (status), (const char *const[5]){__VA_ARGS__})
void erase_run(struct erase_rig *e, const char *bin, int status, const char *const args[5]);
void erase_says(const struct erase_rig *e, const char *text);
/* erase_once(e): svc-aggregator --once, to the end of the log; its log must not hold the player. */
void erase_once(struct erase_rig *e);
/* erase_keep(e): the receipt of e->out in a file, whose path it returns (static storage). */
const char *erase_keep(struct erase_rig *e);

/* erase_rows(e, player): in how many rows of all tables the id stands, in whatever column. */
int64_t erase_rows(struct erase_rig *e, const char *player);
/* erase_totals: what must stay. */
void erase_totals(struct erase_rig *e, char out[1024]);
/* erase_exact(e): --reconcile and px-ledger agree. */
void erase_exact(struct erase_rig *e);

#endif
