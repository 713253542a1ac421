/* Row macros that turn an option table into struct members. No guard: meant to be included often.
 */
#define PX_OPT_STR(field, key, dflt, flags, doc)            const char *field;
#define PX_OPT_WORD(field, key, flags, doc)                 const char *field, *field##_file;
#define PX_OPT_INT(field, key, dflt, min, max, flags, doc)  int64_t field;
#define PX_OPT_BOOL(field, key, dflt, flags, doc)           bool field;
#define PX_OPT_MS(field, key, dflt, min, max, flags, doc)   px_us field;
#define PX_OPT_SIZE(field, key, dflt, min, max, flags, doc) int64_t field;
#define PX_OPT_ENUM(field, key, dflt, choices, flags, doc)  int field;
