/* Column types and combining operators that rollups declare and dialects render. */
#ifndef PX_COLUMN_H
#define PX_COLUMN_H

#include <stdint.h>

/* DATE cells are days since 1970, TIME cells microseconds since 1970; both travel as int64. UUID
 * cells travel as text (36 characters) and are stored as the database's own type where it has one.
 */
/* Latest instant of a PX_COL_TIME, in microseconds: 2255. Databases multiply an interval as a
 * double, which holds no more exactly. */
#define PX_COL_TIME_MAX ((INT64_C(1) << 53) - 1)

enum px_column {
    PX_COL_INT,
    PX_COL_TEXT,
    PX_COL_DATE,
    PX_COL_TIME,
    PX_COL_UUID
};
enum px_op {
    PX_OP_ADD,
    PX_OP_MIN,
    PX_OP_MAX
};
/* Which events move a measure; schemas/README.md has the table. */
enum px_on {
    PX_ON_COUNTED,
    PX_ON_DISTINCT,
    PX_ON_ACCEPTED
};

#endif
