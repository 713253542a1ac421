/* By which schema a record is read: our own, or that of another writer, which the registry tells.
 * The aggregator thread asks by id and never waits for the network: a thread of its own fetches,
 * and what it cannot fetch now it tries again until it can. Answers are kept. */
#ifndef AGG_SCHEMAS_H
#define AGG_SCHEMAS_H

#include <px/event_avro.h>
#include <px/registry.h>
#include <px/validate.h>

#define AGG_SCHEMAS_MAX 128 /* foreign ids remembered at one time */

struct agg_schemas_conf {
    const struct px_registry_conf *registry;
    const char *dir;         /* the folder schemas */
    const char *topic, *dlq; /* all kept           */
};

struct agg_schemas;
/* agg_schemas_new(conf, ret, reterr): no network yet; without SchemaRegistry:Url our ids are the
 * fixed ones and others are unknown. agg_schemas_start(s, reterr): find our own ids and start the
 * thread that finds others; agg_schemas_free ends it. Errors: PX_CONFIG, PX_NOMEM; start also those
 * of px_registry_resolve. Threads: main. */
PX_MUST_USE enum px_code agg_schemas_new(const struct agg_schemas_conf *conf,
                                         struct agg_schemas **ret, struct px_err *reterr);
PX_MUST_USE enum px_code agg_schemas_start(struct agg_schemas *s, struct px_err *reterr);
void agg_schemas_free(struct agg_schemas *s);

/* agg_schemas_event, agg_schemas_letter: the ids that our events and our dead letters carry. ${s}
 * may be NULL: the fixed ones. */
uint32_t agg_schemas_event(const struct agg_schemas *s);
uint32_t agg_schemas_letter(const struct agg_schemas *s);

enum agg_schema_state {
    AGG_SCHEMA_KNOWN,   /* read it by ${plan}                               */
    AGG_SCHEMA_REFUSED, /* never: ${reason} and ${why} go into its letter   */
    AGG_SCHEMA_AWAITED  /* the registry cannot be asked now: ask me later   */
};
struct agg_schema {
    enum agg_schema_state state;
    const struct px_event_plan *plan; /* NULL = our own; until the next agg_schemas_get */
    enum px_reason reason;
    const char *why; /* likewise */
};

/* agg_schemas_get(s, id): what is known of ${id}; the first question about it waits for the answer
 * for at most two seconds. ${s} may be NULL: fixed ids. Threads: owner, the aggregator thread. */
struct agg_schema agg_schemas_get(struct agg_schemas *s, uint32_t id);

/* agg_schemas_settled(s, id): is it worth asking for ${id} again: it is not awaited any more, or
 * was forgotten and has a place? Does not wait. Threads: as get. */
bool agg_schemas_settled(struct agg_schemas *s, uint32_t id);

#endif
