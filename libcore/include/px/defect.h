/* Planted defects: one-line faults that a test build can be told to have, so that the checks which
 * must find them are proven to find them. They exist only when PX_DEFECTS is defined (make
 * DEFECTS=1); in a release the macro is the constant false and no name is in the binary.
 *
 * PX_DEFECT="agg.drop_event" (or several, comma separated) in the environment switches them on for
 * the life of a process. A name that is not in the table below ends the program at once.
 * tests/defects holds, for each, the scenario that shows it and what must catch it. */
#ifndef PX_DEFECT_H
#define PX_DEFECT_H

#include <stdbool.h>

#ifdef PX_DEFECTS
/* clang-format off */
#define PX_DEFECT_ROWS(X)                                                                          \
    X("ing.ack_when_queued")   /* 200 before the log has reported                              */ \
    X("ing.ack_any_report")    /* 200 whatever the log reports                                 */ \
    X("agg.skip_offset")       /* some records are jumped over as if the log had a hole        */ \
    X("agg.no_letter")         /* dead-lettered without a dead letter                          */ \
    X("agg.condemn_good")      /* good records are dead-lettered as of an unknown type         */ \
    X("agg.no_fence")          /* rows and deltas without their offsets                        */ \
    X("agg.offset_only")       /* offsets without rows and deltas                              */ \
    X("agg.fence_ignored")     /* rows that the fence did not return are not missed            */ \
    X("agg.drop_event")        /* the first event of a batch is accounted for, not summed up   */ \
    X("agg.drop_row")          /* the first event of a batch is summed up, not stored          */ \
    X("agg.count_twice")       /* the first event of a batch is summed up twice                */ \
    X("agg.forget_claims")     /* what the database says about claims is not believed          */ \
    X("agg.assume_lost")       /* a doubtful commit is done again without a look               */ \
    X("sql.fence_any_epoch")   /* the fence does not ask who owns the partition                */ \
    X("sql.fence_any_owner")   /* the fence asks for nothing: offsets are just written         */ \
    X("sql.assume_committed")  /* a doubtful commit counts as committed                        */ \
    X("sql.commit_again")      /* a COMMIT that failed is sent once more                       */ \
    X("sql.no_sticky_flag")    /* COMMIT is sent although a statement had failed               */ \
    X("sql.no_alive_check")    /* COMMIT on a dead connection is believed                      */
/* clang-format on */

/* px_defect_on(name): is ${name} switched on? Threads: any. */
bool px_defect_on(const char *name);
#define PX_DEFECT(name) px_defect_on(name)
#else
#define PX_DEFECT(name) false
#endif

#endif
