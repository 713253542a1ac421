/* Ends a metric table: undefines the row macros. No guard: meant to be included often. */
#undef PX_COUNTER
#undef PX_GAUGE
#undef PX_HISTOGRAM
#undef PX_NOLABEL
#undef PX_LABEL1
#undef PX_LABEL2
