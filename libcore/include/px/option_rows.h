/* Row macros that turn an option table into `struct px_option` initialisers; define
 * PX_OPTION_STRUCT as the configuration struct first. A table whose fields live in a member of it
 * names that member: `#define PX_OPTION_AT kafka.` before this header. No guard: meant to be
 * included often. */
#ifndef PX_OPTION_AT
#define PX_OPTION_AT
#endif
#define PX_OPT_ROW_(field, k, kd, d, lo, hi, ch, fl, text)                                         \
    {.key = (k),                                                                                   \
     .kind = (kd),                                                                                 \
     .flags = (fl),                                                                                \
     .offset = offsetof(PX_OPTION_STRUCT, PX_OPTION_AT field),                                     \
     .dflt = (d),                                                                                  \
     .min = (lo),                                                                                  \
     .max = (hi),                                                                                  \
     .choices = (ch),                                                                              \
     .doc = (text)},
#define PX_OPT_STR(f, k, d, fl, doc) PX_OPT_ROW_(f, k, PX_KIND_STR, d, NULL, NULL, NULL, fl, doc)
#define PX_OPT_WORD(f, k, fl, text)                                                                \
    {.key = (k),                                                                                   \
     .kind = PX_KIND_STR,                                                                          \
     .flags = PX_OPT_SECRET | (fl),                                                                \
     .offset = offsetof(PX_OPTION_STRUCT, PX_OPTION_AT f),                                         \
     .path_offset = offsetof(PX_OPTION_STRUCT, PX_OPTION_AT f##_file),                             \
     .dflt = "",                                                                                   \
     .doc = (text)},
#define PX_OPT_INT(f, k, d, lo, hi, fl, doc)                                                       \
    PX_OPT_ROW_(f, k, PX_KIND_INT, PX_STR(d), PX_STR(lo), PX_STR(hi), NULL, fl, doc)
/* #d, not PX_STR(d): <stdbool.h> would turn true into 1 */
#define PX_OPT_BOOL(f, k, d, fl, doc)       PX_OPT_ROW_(f, k, PX_KIND_BOOL, #d, NULL, NULL, NULL, fl, doc)
#define PX_OPT_MS(f, k, d, lo, hi, fl, doc) PX_OPT_ROW_(f, k, PX_KIND_MS, d, lo, hi, NULL, fl, doc)
#define PX_OPT_SIZE(f, k, d, lo, hi, fl, doc)                                                      \
    PX_OPT_ROW_(f, k, PX_KIND_SIZE, d, lo, hi, NULL, fl, doc)
#define PX_OPT_ENUM(f, k, d, ch, fl, doc)                                                          \
    PX_OPT_ROW_(f, k, PX_KIND_ENUM, d, NULL, NULL, ch, fl, doc)
