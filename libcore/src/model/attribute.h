/* The judgement of attributes, and the text rules that it shares with the envelope. Private to the
 * model layer: validate.c calls attribute.c through it. */
#ifndef PX_MODEL_ATTRIBUTE_H
#define PX_MODEL_ATTRIBUTE_H

#include <px/validate.h>

/* px_text_fault(s, max, ret_reason): is ${s} longer than ${max}, not UTF-8, or does it hold NUL or
 * control characters? px_pii_fault(s, ret_reason): does it look like personal data? */
bool px_text_fault(struct px_str s, size_t max, enum px_reason *ret_reason);
bool px_pii_fault(struct px_str s, enum px_reason *ret_reason);

/* px_attributes_judge(type, raw, arena, e, v): judge the attributes of ${raw} by ${type}; issues
 * and drops go to ${v}; on success e->attrs are sorted by name. Errors: PX_NOMEM. */
PX_MUST_USE enum px_code px_attributes_judge(const struct px_event_type *type,
                                             const struct px_raw_event *raw, struct px_arena *arena,
                                             struct px_event *e, struct px_verdict *v);

#endif
