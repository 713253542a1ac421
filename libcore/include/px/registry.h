/* The schema registry, over Confluent's REST API: which id a schema has, which schema an id is.
 * Asked at start, by commands, and by a thread of its own; a call blocks for up to
 * SchemaRegistry:Timeout, so never from a loop. Nothing of the HTTP library is visible here. */
#ifndef PX_REGISTRY_H
#define PX_REGISTRY_H

#include <px/buf.h>
#include <px/clock.h>

struct px_registry_conf {
#include <px/option_fields.h>
#include <px/options_registry.def>
#include <px/option_end.h>
};

/* What a registry must promise for our subjects: readers that are out there can read what newer
 * writers write. */
#define PX_REGISTRY_LEVEL "FORWARD"

struct px_registry;

/* px_registry_used(conf): is SchemaRegistry:Url set?
 * px_registry_open(conf, ret, reterr): check the options; asks nobody yet. Keeps ${conf}. Gives:
 * ${ret}, which px_registry_close takes. Errors: PX_CONFIG naming the option, PX_NOMEM.
 * Threads: owner, and any one thread at a time. */
bool px_registry_used(const struct px_registry_conf *conf);
PX_MUST_USE enum px_code px_registry_open(const struct px_registry_conf *conf,
                                          struct px_registry **ret, struct px_err *reterr);
void px_registry_close(struct px_registry *r);

/* Every call below asks once. Errors that all have: PX_UNAVAILABLE, PX_TIMEOUT (not reached, or in
 * trouble itself: ask later), PX_DENIED (user or password), PX_CONFIG (certificates), PX_PROTOCOL
 * (what answers is no registry), PX_TOO_LARGE (an answer of more than 256 KiB), PX_NOMEM. A "no
 * such thing" counts only in a registry's own words: a proxy's 404 is PX_PROTOCOL. */

struct px_registry_id {
    uint32_t id;
    uint32_t version; /* within its subject */
};
/* px_registry_find(r, subject, schema, ret, reterr): the id under which ${subject} has ${schema}.
 * Errors: PX_NOT_FOUND (not registered). */
PX_MUST_USE enum px_code px_registry_find(struct px_registry *r, const char *subject,
                                          struct px_str schema, struct px_registry_id *ret,
                                          struct px_err *reterr);

/* px_registry_schema(r, id, out, reterr): append the text of schema ${id}. Errors: PX_NOT_FOUND,
 * PX_UNSUPPORTED (it is no Avro schema, or refers to others). */
PX_MUST_USE enum px_code px_registry_schema(struct px_registry *r, uint32_t id, struct px_buf *out,
                                            struct px_err *reterr);

/* px_registry_level(r, subject, ret_level, reterr): its own compatibility level. Errors:
 * PX_NOT_FOUND (it has none). px_registry_set_level: give it one.
 * px_registry_level_good(level): does it include what PX_REGISTRY_LEVEL promises? */
struct px_registry_level {
    char name[32];
};
PX_MUST_USE enum px_code px_registry_level(struct px_registry *r, const char *subject,
                                           struct px_registry_level *ret, struct px_err *reterr);
PX_MUST_USE enum px_code px_registry_set_level(struct px_registry *r, const char *subject,
                                               const char *level, struct px_err *reterr);
bool px_registry_level_good(const struct px_registry_level *l);

/* px_registry_check(r, subject, schema, reterr): may ${schema} come after the latest version, by
 * the level in force? Errors: PX_SCHEMA with the registry's reason, PX_NOT_FOUND (no version yet).
 */
PX_MUST_USE enum px_code px_registry_check(struct px_registry *r, const char *subject,
                                           struct px_str schema, struct px_err *reterr);

/* px_registry_add(r, subject, schema, ret_id, reterr): register; a schema that is there keeps its
 * id. Errors: PX_SCHEMA with the registry's reason. */
PX_MUST_USE enum px_code px_registry_add(struct px_registry *r, const char *subject,
                                         struct px_str schema, uint32_t *ret_id,
                                         struct px_err *reterr);

/* --- our own two schemas (subjects.c) ----------------------------------------------------------
 */
#define PX_REGISTRY_FILE_MAX (64 * 1024)

/* px_registry_file(dir, name, out, reterr): append the file ${dir}/avro/${name}. Errors: PX_CONFIG
 * with the path. */
PX_MUST_USE enum px_code px_registry_file(const char *dir, const char *name, struct px_buf *out,
                                          struct px_err *reterr);

/* px_registry_subject(topic, out, cap): "<topic>-value". Source: TopicNameStrategy. False: too
 * long. */
PX_MUST_USE bool px_registry_subject(const char *topic, char *out, size_t cap);

/* px_registry_resolve(r, dir, name, topic, ...): the id of our schema ${name} for ${topic}, with
 * the remedy when it is not registered (PX_SCHEMA) or the registry cannot be reached. */
struct px_registry_want {
    const char *dir, *name, *topic;
};
PX_MUST_USE enum px_code px_registry_resolve(struct px_registry *r,
                                             const struct px_registry_want *want, uint32_t *ret_id,
                                             struct px_err *reterr);

/* px_registry_judge(r, want, ret_id, reterr): for probes: as px_registry_resolve, and the subject's
 * level must be good (PX_SCHEMA). */
PX_MUST_USE enum px_code px_registry_judge(struct px_registry *r,
                                           const struct px_registry_want *want, uint32_t *ret_id,
                                           struct px_err *reterr);

/* px_registry_ping(r, reterr): does a registry answer? */
PX_MUST_USE enum px_code px_registry_ping(struct px_registry *r, struct px_err *reterr);

#endif
