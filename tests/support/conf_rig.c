/* See conf_rig.h. */
#include "conf_rig.h"

#include "proc.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct px_option rows[] = {
#define PX_OPTION_STRUCT struct rig_conf
#include <px/option_rows.h>
    PX_OPT_STR(region, "Kafka:Region", "LOCAL", PX_OPT_REQUIRED, "Region part.")
        PX_OPT_STR(note, "Kafka:Note", "", PX_OPT_RELOAD, "Free text, or | nothing.")
            PX_OPT_STR(password, "Sql:Password", "", PX_OPT_SECRET, "Database password.")
                PX_OPT_INT(port, "Http:Port", 8080, 1, 65535, 0, "Port.")
                    PX_OPT_BOOL(store, "Raw:Store", true, 0, "Keep raw rows.")
                        PX_OPT_MS(delay, "Shutdown:Delay", "250ms", "0s", "60s", 0, "Delay.")
                            PX_OPT_SIZE(batch, "Kafka:BatchBytes", "64KiB", "1KiB", "16MiB", 0,
                                        "Batch.")
                                PX_OPT_ENUM(level, "Log:Level", "info", "debug|info|warn|error",
                                            PX_OPT_RELOAD, "Level.")
#include <px/option_end.h>
};

const struct px_options rig_options = {
    .v = rows, .n = PX_ARRAY_LEN(rows), .conf_size = sizeof(struct rig_conf)};

static void keep_problems(struct rig *r) {
    size_t n, at = 0;
    const struct px_conf_problem *p = px_conf_problems(r->conf, &n);

    r->problems[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(r->problems + at, sizeof r->problems - at, "%s: %s\n",
                               p[i].warning ? "warning" : "error", p[i].text);
    }
}

enum px_code rig_load(struct rig *r) {
    struct px_err err = PX_ERR_INIT;

    rig_fini(r);
    r->code = px_conf_load(&rig_options, &r->in, &r->v, &r->conf, &err);
    if (r->code != PX_OK && r->code != PX_CONFIG) {
        fail_msg("unexpected %s: %s", px_code_name(r->code), err.msg);
    }
    assert_non_null(r->conf);
    keep_problems(r);
    return r->code;
}

void rig_fini(struct rig *r) {
    px_conf_free(r->conf);
    r->conf = NULL;
}

const char *rig_write(const char *name, struct px_str text) {
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % PX_ARRAY_LEN(paths)];
    FILE *f;

    snprintf(path, sizeof paths[0], "%s/%s", proc_tmpdir(), name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0640), 0);
    return path;
}
