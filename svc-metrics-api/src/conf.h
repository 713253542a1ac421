/* The configuration of svc-metrics-api: the shared rows first, then SQL's, then its own. */
#ifndef API_CONF_H
#define API_CONF_H

#include <px/app.h>
#include <px/sql.h>
#include <px/tls.h>

struct api_conf {
    struct px_app_conf app;
    struct px_sql_conf sql;
    struct px_tls_conf tls;
#include <px/option_fields.h>
#include "options.def"
#include <px/option_end.h>
};

#endif
