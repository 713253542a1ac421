/* Configuration in layers: built-in defaults < appsettings.json < appsettings.{Environment}.json <
 * environment (PX_Section__Key) < command line (--set Section:Key=Value).
 * Unknown keys in a file or on the command line are errors with a suggestion; unknown PX_ variables
 * are reported as warnings. All errors of one run are collected, not just the first.
 *
 * Files are strict JSON: at most 256 KiB, depth 16, valid UTF-8, no duplicate keys, no comments, no
 * trailing bytes, numbers are whole. {"Kafka":{"Region":"EU"}} and {"Kafka:Region":"EU"} mean the
 * same; keys ignore ASCII case; arrays of scalars are joined by commas; null is refused.
 *
 * The programs of the suite may share one file. A top-level member named after a program
 * ("svc-ingest", "svc-aggregator", "svc-metrics-api") holds sections for that program alone: it is
 * laid over the shared sections of the same file, the others are skipped. A shared section must be
 * known to every program that reads the file, so what only one program knows goes under its name.
 */
#ifndef PX_CONF_H
#define PX_CONF_H

#include <px/option.h>

#define PX_CONF_MAX_PROBLEMS 64

struct px_conf_problem {
    bool warning;
    char text[256]; /* "appsettings.json: Kafka:Topik: unknown option, did you mean Kafka:Topic?" */
};

struct px_conf; /* values with their origins */

struct px_conf_input {
    const char *program; /* "svc-ingest": whose member of a shared file applies; NULL = none   */
    const char *dir;     /* where appsettings*.json are looked for; NULL = current folder      */
    const char *file;    /* --config FILE instead of dir's appsettings.json; must exist        */
    const char
        *environment; /* "Development"; NULL = PX_ENVIRONMENT, then DOTNET_ENVIRONMENT, else none */
    const char *const *sets; /* "Section:Key=Value" from the command line */
    size_t nsets;
    char *const *envp; /* the process environment; NULL = none */
};

/* px_conf_load(opts, in, values, ret, reterr): fill ${values} (opts->conf_size bytes) from all
 * layers. Strings in ${values} live as long as ${ret}. A secret option `Sql:Password` is also read
 * from the file named by `Sql:PasswordFile` (one trailing newline removed, empty refused,
 * world-readable warned about); the higher layer of the two wins, both in one layer is an error.
 * ${opts} and its rows must outlive ${ret}. ${values} is unspecified on failure. Gives: ${ret}
 * (also on PX_CONFIG, so that its problems can be printed), free with px_conf_free. Errors:
 * PX_CONFIG (see px_conf_problems), PX_NOMEM. */
PX_MUST_USE enum px_code px_conf_load(const struct px_options *opts, const struct px_conf_input *in,
                                      void *values, struct px_conf **ret, struct px_err *reterr);
void px_conf_free(struct px_conf *c); /* wipes secrets */
const struct px_conf_problem *px_conf_problems(const struct px_conf *c, size_t *ret_n);

/* px_conf_word(path, out, reterr): append the secret that the file holds, by the same rules; ${out}
 * must have room for it already, so that no copy stays behind, and is the caller's to wipe. Errors:
 * PX_CONFIG (no secret), PX_NOT_FOUND, PX_IO, PX_TOO_LARGE; the message holds the path, never the
 * content. Threads: any. */
PX_MUST_USE enum px_code px_conf_word(const char *path, struct px_buf *out, struct px_err *reterr);

/* px_conf_print(c, out): one line per option, sorted by key: `Key = value   # origin`; secrets are
 * shown as (set) or (empty). Origins: default, file name, environment variable, argv. */
void px_conf_print(const struct px_conf *c, struct px_buf *out);

/* px_conf_help(opts, out): the options as text for --help; px_conf_markdown: docs/options.md rows.
 */
void px_conf_help(const struct px_options *opts, struct px_buf *out);
void px_conf_markdown(const struct px_options *opts, struct px_buf *out);

/* px_conf_environment(in): the environment name that applies, or NULL. Borrowed from ${in}. */
const char *px_conf_environment(const struct px_conf_input *in);

/* px_conf_same(o, a, b): whether two configuration structs hold the same value of option ${o};
 * px_conf_copy(o, from, to): copy that value (strings stay with their px_conf). For reloading. */
bool px_conf_same(const struct px_option *o, const void *a, const void *b);
void px_conf_copy(const struct px_option *o, const void *from, void *to);

#endif
