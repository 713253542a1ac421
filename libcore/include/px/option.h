/* Options as rows. A program (or an adapter layer) lists its options in a .def file:
 *
 *     PX_OPT_STR(field, "Section:Key", default, flags, "doc")
 *     PX_OPT_WORD(field, "Section:Key", flags, "doc")                          secret, see below
 *     PX_OPT_INT(field, "Section:Key", default, min, max, flags, "doc")
 *     PX_OPT_BOOL(field, "Section:Key", default, flags, "doc")
 *     PX_OPT_MS(field, "Section:Key", "250ms", "min", "max", flags, "doc")     duration; px_us
 *     PX_OPT_SIZE(field, "Section:Key", "4KiB", "min", "max", flags, "doc")    bytes; int64_t
 *     PX_OPT_ENUM(field, "Section:Key", "a", "a|b|c", flags, "doc")            int field: index
 *
 * and includes it twice: between <px/option_fields.h> and <px/option_end.h> inside its
 * configuration struct, and between <px/option_rows.h> and <px/option_end.h> inside a `struct
 * px_option` table:
 *
 *     struct ing_conf {
 *     #include <px/option_fields.h>
 *     #include "options.def"
 *     #include <px/option_end.h>
 *     };
 *     #define PX_OPTION_STRUCT struct ing_conf
 *     static const struct px_option rows[] = {
 *     #include <px/option_rows.h>
 *     #include "options.def"
 *     #include <px/option_end.h>
 *     #define PX_OPTION_AT kafka.          (rows of an adapter, kept in the member `kafka`)
 *     #include <px/option_rows.h>
 *     #include <px/options_kafka.def>
 *     #include <px/option_end.h>           (undefines PX_OPTION_AT too)
 *     };
 *
 * A PX_OPT_WORD is a secret that is used more than once: beside ${field} there is ${field}_file,
 * the path that it was read from (NULL = it was given directly), for px_conf_word at each use.
 *
 * The same rows give parsing, the environment name (PX_Section__Key), --help, --print-config,
 * docs/options.md and its drift check. */
#ifndef PX_OPTION_H
#define PX_OPTION_H

#include <px/buf.h>

enum px_opt_kind {
    PX_KIND_STR,
    PX_KIND_INT,
    PX_KIND_BOOL,
    PX_KIND_MS,
    PX_KIND_SIZE,
    PX_KIND_ENUM
};

enum {
    PX_OPT_SECRET =
        1 << 0, /* never printed, never taken from argv; `KeyFile` names a file instead */
    PX_OPT_RELOAD = 1 << 1,   /* SIGHUP may change it                                            */
    PX_OPT_REQUIRED = 1 << 2, /* an empty value is a configuration error                         */
};

struct px_option {
    const char *key; /* "Kafka:BootstrapServers" */
    enum px_opt_kind kind;
    unsigned flags;
    size_t offset;      /* of the field in the program's configuration struct */
    size_t path_offset; /* of field_file (PX_OPT_WORD); 0 = none */
    const char *dflt;   /* as text */
    const char *min, *max;
    const char *choices; /* enum: "a|b|c" */
    const char *doc;
};

/* A table of options: what px_conf_load works on. */
struct px_options {
    const struct px_option *v;
    size_t n;
    size_t conf_size; /* sizeof the configuration struct */
};

#endif
