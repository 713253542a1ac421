/* The strict gate in front of cJSON, private to the codec layer. */
#ifndef PX_JSON_GATE_H
#define PX_JSON_GATE_H

#include <px/buf.h>
#include <px/json.h>

/* px_json_gate(text, ret_ints, reterr): judge ${text} by everything px_json_parse promises but for
 * size and duplicate members. ${ret_ints} gets one byte per number in document order: 1 when it is
 * written as an integer. Errors: PX_INVALID with the byte offset, PX_NOMEM. Threads: pure. */
PX_MUST_USE enum px_code px_json_gate(struct px_str text, struct px_buf *ret_ints,
                                      struct px_err *reterr);

/* px_json_gate_member(text, k): byte offset of the k-th member name (from 0) of a text that has
 * passed the gate; text.n when there are fewer. For messages. */
size_t px_json_gate_member(struct px_str text, size_t k);

#endif
