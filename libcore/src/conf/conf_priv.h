/* Private to conf: the values while the layers are laid over each other. */
#ifndef PX_CONF_PRIV_H
#define PX_CONF_PRIV_H

#include <px/arena.h>
#include <px/conf.h>

#define PX_CONF_FILE_MAX  (256 * 1024)
#define PX_CONF_DEPTH_MAX 16
#define PX_CONF_VALUE_MAX 4096
#define PX_CONF_KEY_MAX   128

/* Ascending: a later layer wins. */
enum px_conf_layer {
    PX_CONF_DEFAULT,
    PX_CONF_FILE,         /* appsettings.json                       */
    PX_CONF_FILE_PROGRAM, /* its member named after the program     */
    PX_CONF_ENV_FILE,     /* appsettings.{Environment}.json         */
    PX_CONF_ENV_FILE_PROGRAM,
    PX_CONF_ENVIRONMENT,
    PX_CONF_ARGV,
};

/* The value of one option so far. */
struct px_conf_slot {
    char *text; /* owned, NUL-terminated; a path when `from_file` */
    size_t n;
    char *origin; /* owned; NULL = default                         */
    enum px_conf_layer layer;
    bool from_file; /* given by its `...File` key                    */
    char *path;     /* owned; where a secret was read, else NULL     */
};

struct px_conf {
    const struct px_options *opts;
    struct px_conf_slot *slot; /* one per option                              */
    const char **name;         /* known keys: opts->n keys, then `...File` ones */
    size_t nnames;
    struct px_arena arena; /* of the made-up names */
    struct px_conf_problem problem[PX_CONF_MAX_PROBLEMS];
    size_t nproblems, nerrors, left_out;
    bool no_memory;
};

/* One assignment from one layer. */
struct px_conf_item {
    enum px_conf_layer layer;
    const char *origin; /* as shown: "appsettings.json", "PX_Kafka__Region", "--set" */
    struct px_str key, text;
};

/* px_conf_problem(c, warning, origin, key, fmt, ...): collect "origin: key: text" (key may be
 * empty). The same text twice is kept once. */
void px_conf_problem(struct px_conf *c, bool warning, const char *origin, struct px_str key,
                     const char *fmt, ...) PX_PRINTF(5, 6);

/* px_conf_put(c, item): lay one assignment over what is there; unknown keys become problems
 * (warnings in the environment), as does a secret in argv and a key given twice in a layer. */
void px_conf_put(struct px_conf *c, const struct px_conf_item *item);

/* The layers. Each collects its problems in ${c}. */
struct px_conf_source {
    const char *path;
    const char *program;
    enum px_conf_layer layer; /* its program member goes one layer higher */
    bool must_exist;
};
void px_conf_file(struct px_conf *c, const struct px_conf_source *src);
void px_conf_env(struct px_conf *c, char *const *envp);
const char *px_conf_env_get(char *const *envp, const char *name);

/* px_conf_json_fault(text, out, cap): what is wrong with ${text} that cJSON would accept, with its
 * line ("line 3: 010 is not a whole number"). True = something is. Threads: pure. */
bool px_conf_json_fault(struct px_str text, char *out, size_t cap);
/* Number of the line that holds offset ${at}, from 1. */
unsigned px_conf_json_line(struct px_str text, size_t at);

/* px_conf_read(path, cap, buf, reterr): the whole regular file. Errors: PX_NOT_FOUND, PX_TOO_LARGE
 * (buf->max), PX_IO, PX_NOMEM; the message holds no path. ${ret_mode}: its permission bits. */
PX_MUST_USE enum px_code px_conf_read(const char *path, struct px_buf *buf, unsigned *ret_mode,
                                      struct px_err *reterr);

/* px_conf_secret(c, o, slot): replace the path in ${slot} by the content of that file; on a problem
 * the value becomes empty. */
void px_conf_secret(struct px_conf *c, const struct px_option *o, struct px_conf_slot *slot);

/* px_conf_slot_set(c, slot, item): take text, origin and layer; wipes what was there. */
void px_conf_slot_set(struct px_conf *c, struct px_conf_slot *slot,
                      const struct px_conf_item *item);
void px_conf_slot_fini(struct px_conf_slot *slot);

/* px_conf_parse(o, text, out, why, cap): check ${text} by the row and store it at ${out} (the
 * field). False with a sentence in ${why} that names the rule and the remedy, never a secret.
 * Threads: pure. */
PX_MUST_USE bool px_conf_parse(const struct px_option *o, const struct px_conf_slot *text,
                               void *out, char *why, size_t cap);

/* px_conf_rule(o, out): what values the row takes: "1 to 65535", "debug|info|warn|error". */
void px_conf_rule(const struct px_option *o, struct px_buf *out);

#endif
