/* What --check, /readyz and the start ask of this service. No probe leaves a trace. */
#include <px/migrate.h>
#include <px/rights.h>
#include <px/sql_tls.h>

#include <stdio.h>

#include "service.h"

#define API_RIGHTS_REFUSE 1 /* of Sql:ExtraRights */

static enum px_code config_valid(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    struct api_service *svc = arg;
    const struct api_conf *c = svc->conf;

    if (c->page_default > c->page_max) {
        return PX_FAIL(reterr, PX_CONFIG, "Api:PageDefault %d is more than Api:PageMax %d",
                       (int)c->page_default, (int)c->page_max);
    }
    const struct px_dialect *d = px_dialect_get((size_t)c->sql.dialect);
    out->warn = d->unproven != NULL;
    if (out->warn) {
        snprintf(out->detail, sizeof(out->detail), "%s", d->unproven);
    } else {
        snprintf(out->detail, sizeof(out->detail), "%s, days cut in %s", d->name, c->sql.zone);
    }
    return PX_OK;
}

static enum px_code catalog_load(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    struct api_service *svc = arg;

    (void)reterr; /* init has loaded it; without it there is no service to ask */
    snprintf(out->detail, sizeof(out->detail), "%zu event types", px_catalog_count(svc->catalog));
    return PX_OK;
}

static enum px_code sql_connect(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    struct api_service *svc = arg;
    enum px_code code = api_db_begin(&svc->probe_db, reterr);

    PX_DEFER(px_buf_fini) struct px_buf versions = PX_BUF_INIT(sizeof(out->detail));

    if (code) {
        return code;
    }
    code = api_db_ping(&svc->probe_db, reterr);
    if (!code) {
        px_sql_versions(svc->probe_db.sql, &versions);
        snprintf(out->detail, sizeof(out->detail), "%s", px_buf_cstr(&versions));
    }
    api_db_end(&svc->probe_db, code);
    return code;
}

static enum px_code sql_schema_version(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    struct api_service *svc = arg;
    struct px_migration_state state;
    char dir[512];
    enum px_code code = px_app_data_dir(svc->app, "database", dir, sizeof(dir), reterr);

    code = code ? code : api_db_begin(&svc->probe_db, reterr);
    if (code) {
        return code;
    }
    code = px_migrate_status(svc->probe_db.sql, dir, &state, reterr);
    api_db_end(&svc->probe_db, code);
    if (code) {
        return code;
    }
    return px_migrate_fits(&state, out->detail, sizeof(out->detail), reterr);
}

static enum px_code sql_tls(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    struct api_service *svc = arg;
    struct px_tls_verdict v = {.warn = false};
    struct px_err err = PX_ERR_INIT;
    enum px_code code = api_db_begin(&svc->probe_db, reterr);

    if (code) {
        return code;
    }
    code = px_tls_check(svc->probe_db.sql, &svc->conf->sql, &v, &err);
    api_db_end(&svc->probe_db, code);
    out->skip = code == PX_UNSUPPORTED;
    out->warn = v.warn;
    snprintf(out->detail, sizeof(out->detail), "%s", out->skip ? err.msg : v.detail);
    if (code && reterr) {
        *reterr = err;
    }
    return out->skip ? PX_OK : code;
}

/* The account beside its column of database/privileges.txt. */
static enum px_code ask_rights(struct api_service *svc, struct px_probe_out *out,
                               struct px_err *reterr) {
    struct px_rights want;
    struct px_rights_verdict v;
    char dir[512];
    bool strict = svc->conf->sql.extra_rights == API_RIGHTS_REFUSE;
    enum px_code code = px_app_data_dir(svc->app, "database", dir, sizeof(dir), reterr);

    code = code ? code : px_rights_load(dir, "px_api", &want, reterr);
    if (code) {
        return code;
    }
    code = px_rights_check(svc->probe_db.sql, &want, strict, &v, reterr);
    out->warn = v.warn;
    snprintf(out->detail, sizeof(out->detail), "%s", v.detail);
    snprintf(out->remedy, sizeof(out->remedy), "%s", v.remedy);
    return code;
}

static enum px_code sql_rights(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    struct api_service *svc = arg;
    struct px_err err = PX_ERR_INIT;
    enum px_code code = api_db_begin(&svc->probe_db, reterr);

    if (code) {
        return code;
    }
    code = ask_rights(svc, out, &err);
    api_db_end(&svc->probe_db, code);
    if (code == PX_UNSUPPORTED) {
        out->skip = true;
        snprintf(out->detail, sizeof(out->detail), "%s", err.msg);
        return PX_OK;
    }
    if (code && reterr) {
        *reterr = err;
    }
    return code;
}

/* The connection must not be able to write, whatever the credentials allow. */
static enum px_code sql_read_only(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    struct api_service *svc = arg;
    struct px_err ignored = PX_ERR_INIT;
    enum px_code code = api_db_begin(&svc->probe_db, reterr);

    if (code) {
        return code;
    }
    code = api_db_try_write(&svc->probe_db, &ignored);
    api_db_end(&svc->probe_db, code);
    if (!code) {
        return PX_FAIL(reterr, PX_CONFIG, "a write was accepted on a read-only session");
    }
    snprintf(out->detail, sizeof(out->detail), "writes are refused");
    return PX_OK;
}

static enum px_code sql_tables(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    struct api_service *svc = arg;
    struct api_freshness f = {.known = false};
    enum px_code code = api_db_begin(&svc->probe_db, reterr);

    if (code) {
        return code;
    }
    code = api_db_freshness(&svc->probe_db, px_wall(svc->clock), &f, reterr);
    code = code ? code : api_db_tables(&svc->probe_db, reterr);
    api_db_end(&svc->probe_db, code);
    if (!code) {
        snprintf(out->detail, sizeof(out->detail), "readable, revision %lld%s",
                 (long long)f.revision, f.known ? "" : ", nothing aggregated yet");
    }
    return code;
}

/* Binding without listening: nobody notices. */
static enum px_code http_bind(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    struct api_service *svc = arg;
    const struct api_conf *c = svc->conf;

    snprintf(out->detail, sizeof(out->detail), "%s:%d", c->address, (int)c->port);
    return px_http_try_bind(c->address, (uint16_t)c->port, "Api:Port", reterr);
}

static enum px_code http_private(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    struct api_service *svc = arg;
    const struct api_conf *c = svc->conf;
    enum px_code code = px_http_private(c->address, "Api:Address", reterr);

    code = code ? code : px_http_private(c->app.admin_address, "Admin:Address", reterr);
    if (!code) {
        snprintf(out->detail, sizeof(out->detail), "loopback only");
    }
    return code;
}

static enum px_code http_tls(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    struct api_service *svc = arg;

    return px_tls_probe(&svc->conf->tls, px_wall(svc->clock), out, reterr);
}

const struct px_probe api_probes[API_PROBES] = {
    {.name = "config.valid",
     .asks = "options agree with each other",
     .flags = PX_PROBE_FATAL | PX_PROBE_OFFLINE | PX_PROBE_START,
     .run = config_valid},
    {.name = "catalog.load",
     .asks = "events.yaml is readable and consistent",
     .flags = PX_PROBE_FATAL | PX_PROBE_OFFLINE,
     .run = catalog_load},
    {.name = "sql.connect",
     .asks = "the database accepts a connection and answers",
     .flags = PX_PROBE_FATAL | PX_PROBE_READY,
     .run = sql_connect},
    {.name = "sql.tls",
     .asks = "nobody in between can pose as the database",
     .flags = PX_PROBE_FATAL,
     .needs = "sql.connect",
     .run = sql_tls},
    {.name = "sql.rights",
     .asks = "the account may what it must, and no more",
     .flags = PX_PROBE_FATAL,
     .needs = "sql.connect",
     .run = sql_rights},
    {.name = "sql.schema_version",
     .asks = "the schema is one that this build can use",
     .flags = PX_PROBE_FATAL,
     .needs = "sql.connect",
     .run = sql_schema_version},
    {.name = "sql.tables",
     .asks = "the tables can be read and the day zone agrees",
     .flags = PX_PROBE_FATAL | PX_PROBE_READY,
     .needs = "sql.schema_version",
     .run = sql_tables},
    {.name = "sql.read_only",
     .asks = "this service cannot write",
     .flags = PX_PROBE_FATAL,
     .needs = "sql.connect",
     .run = sql_read_only},
    {.name = "http.bind",
     .asks = "address and port can be bound",
     .flags = PX_PROBE_WARN | PX_PROBE_OFFLINE,
     .run = http_bind},
    {.name = "http.tls",
     .asks = "certificate and key can be shown to clients",
     .flags = PX_PROBE_FATAL | PX_PROBE_OFFLINE | PX_PROBE_START,
     .run = http_tls},
    {.name = "http.private",
     .asks = "API and admin port are not open to everybody",
     .flags = PX_PROBE_WARN | PX_PROBE_OFFLINE,
     .run = http_private},
};
