/* What the configuration tests share: a table with every kind of option, files in a temporary
 * folder, and one call that loads and keeps the problems as text. */
#ifndef CONF_RIG_H
#define CONF_RIG_H

#include <px/conf.h>

struct rig_conf {
    const char *region, *note, *password;
    int64_t port;
    bool store;
    px_us delay;
    int64_t batch;
    int level;
};

extern const struct px_options rig_options;

/* One load: set ${in}, call rig_load, look at the rest, call rig_fini (or rig_load again). */
struct rig {
    struct px_conf_input in;
    struct rig_conf v;
    struct px_conf *conf;
    enum px_code code;
    char problems[20000]; /* "error: ...\nwarning: ...\n" */
};

/* rig_load(r): load; fails the running test on anything but PX_OK and PX_CONFIG. */
enum px_code rig_load(struct rig *r);
void rig_fini(struct rig *r);
#define RIG PX_DEFER(rig_fini) struct rig

/* rig_write(name, text): a file of the temporary folder with mode 0640; gives its path (static
 * storage, eight at a time). */
const char *rig_write(const char *name, struct px_str text);

#endif
