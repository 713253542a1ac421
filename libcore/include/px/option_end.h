/* Ends an option table: undefines the row macros. No guard: meant to be included often. */
#undef PX_OPT_STR
#undef PX_OPT_WORD
#undef PX_OPT_INT
#undef PX_OPT_BOOL
#undef PX_OPT_MS
#undef PX_OPT_SIZE
#undef PX_OPT_ENUM
#undef PX_OPT_ROW_
#undef PX_OPTION_AT
