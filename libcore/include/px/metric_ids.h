/* Row macros that turn a metric table into enumerators. No guard: meant to be included often. */
#define PX_COUNTER(id, name, labels, help)            id,
#define PX_GAUGE(id, name, labels, help)              id,
#define PX_HISTOGRAM(id, name, labels, buckets, help) id,
