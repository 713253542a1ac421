/* Which schema ids the messages of this process carry: fixed ones, or those that the registry gave
 * our schemas. Found once at start; nothing asks the registry afterwards. */
#ifndef ING_SCHEMAS_H
#define ING_SCHEMAS_H

#include "service.h"

/* ing_schemas_resolve(svc, reterr): fill svc->ids, one entry per family. Errors: PX_SCHEMA (not
 * registered), those of px_registry_find. Blocks. Threads: main, before the workers. */
PX_MUST_USE enum px_code ing_schemas_resolve(struct ing_svc *svc, struct px_err *reterr);

/* ing_schemas_ours(dir, reterr): is ${dir}/avro/event.avsc what this build writes? Errors:
 * PX_SCHEMA, PX_CONFIG. */
PX_MUST_USE enum px_code ing_schemas_ours(const char *dir, struct px_err *reterr);

/* ing_schemas_topic(svc, family, dead, out, cap): a topic's name. False: too long. */
PX_MUST_USE bool ing_schemas_topic(const struct ing_svc *svc, size_t family, bool dead, char *out,
                                   size_t cap);

/* Probes: registry.reachable, registry.schemas. */
enum px_code ing_probe_registry(void *svc, struct px_probe_out *out, struct px_err *reterr);
enum px_code ing_probe_registered(void *svc, struct px_probe_out *out, struct px_err *reterr);

/* register.c: --register-schemas=plan|apply. Errors: PX_SCHEMA (one is refused), PX_USAGE,
 * PX_CONFIG (no registry), those of px/registry.h. */
enum px_code ing_register(void *svc, const char *arg, struct px_err *reterr);

#endif
