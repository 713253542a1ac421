/* The service as a whole: what init builds and the life cycle of <px/app.h> works on. */
#ifndef ING_SERVICE_H
#define ING_SERVICE_H

#include "worker.h"

#include <px/admin.h>

#define ING_WORKERS_MAX 64 /* as the row Ingest:Workers */

struct ing_svc {
    struct px_app *app;
    struct ing_world world;
    struct px_catalog *catalog; /* NULL: catalog_error says why; a probe reports it */
    struct px_err catalog_error;
    char schemas[512];
    struct px_fwd_policy proxies;
    struct ing_schema_ids *ids; /* by family; from the start on */
    struct ing_pages pages;
    struct ing_label_sets sets;
    const char *worker_names[ING_WORKERS_MAX];
    char worker_text[ING_WORKERS_MAX][4];
    struct px_metric_def metric_defs[ING_METRICS];
    struct px_metrics *metrics;
    struct ing_worker *workers; /* world.workers of them while running, else NULL */
    struct px_admin *admin;
    struct px_tls *tls;        /* while running; NULL without a certificate */
    struct px_topic_info seen; /* by the probe kafka.topic, for kafka.acks */
    pthread_t look;            /* acks.c: looks at the topics once, after the start */
    bool looking;              /* it was started, and not joined yet */
    /* of the probe kafka.stores, on the admin thread: events not taken so far, and since when */
    int64_t unstored;
    px_us unstored_at;
    /* of the liveness check, on the admin thread: what each worker's ticks were, and since when */
    int64_t ticks[ING_WORKERS_MAX];
    px_us moved_at[ING_WORKERS_MAX];
};

/* The steps of <px/app.h>; each has its contract there. */
PX_MUST_USE enum px_code ing_service_init(struct px_app *app, const void *conf, void **ret_svc,
                                          struct px_err *reterr);
PX_MUST_USE enum px_code ing_service_start(void *svc, struct px_err *reterr);
void ing_service_reload(void *svc, const void *conf);
void ing_service_drain(void *svc, px_us deadline);
void ing_service_stop(void *svc);
void ing_service_fini(void *svc);
void ing_service_versions(struct px_buf *out);
/* --print-schema. Errors: PX_CONFIG (the catalog), PX_IO. */
PX_MUST_USE enum px_code ing_service_schema(void *svc, const char *value, struct px_err *reterr);

/* acks.c. ing_acks_begin: look at the topics' copies and log what is weak, beside the run; waits
 * for nothing. ing_acks_end: wait for that; draining cuts it short, so a second at most. Threads:
 * main. The probe kafka.min_isr. */
void ing_acks_begin(struct ing_svc *svc);
void ing_acks_end(struct ing_svc *svc);
enum px_code ing_probe_min_isr(void *svc, struct px_probe_out *out, struct px_err *reterr);

#define ING_PROBES 25
extern const struct px_probe ing_probes[ING_PROBES];

#endif
