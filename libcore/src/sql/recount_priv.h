/* What the parameters of a recount are: noted as they are rendered, looked up when they are bound.
 */
#ifndef PX_RECOUNT_PRIV_H
#define PX_RECOUNT_PRIV_H

#include <px/recount.h>

#include "internal.h"

enum px_recount_param {
    P_FIRST,
    P_LAST,
    P_LO,
    P_HI,
    P_SINCE_LO,
    P_SINCE_HI,
    P_NAME,
    P_WHEN
};

#endif
