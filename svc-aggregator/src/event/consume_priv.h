/* Shared by consume.c and flush.c only. */
#ifndef AGG_CONSUME_PRIV_H
#define AGG_CONSUME_PRIV_H

#include "consume.h"

#include <stdio.h>

/* agg_reader_tick(r, ret_done, reterr): once a second: idle progress, blocked partitions, gauges,
 * the end of --once. Errors as agg_reader_turn. */
PX_MUST_USE enum px_code agg_reader_tick(struct agg_reader *r, bool *ret_done,
                                         struct px_err *reterr);

/* agg_reader_waiting(arg): the gauges of the reader ${arg}, while its thread waits for SQL. */
void agg_reader_waiting(void *arg);

#endif
