/* Column types and combining operators that rollups declare and dialects render. */
#ifndef PX_COLUMN_H
#define PX_COLUMN_H

/* DATE cells are days since 1970, TIME cells microseconds since 1970; both travel as int64. UUID
 * cells travel as text (36 characters) and are stored as the database's own type where it has one.
 */
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

#endif
