/* Row macros that turn a metric table into `struct px_metric_def` initialisers. No guard: meant to
 * be included often. */
#define PX_NOLABEL                    .label = {NULL, NULL}
#define PX_LABEL1(a, set_a)           .label = {(a), NULL}, .set = {(set_a), NULL}
#define PX_LABEL2(a, set_a, b, set_b) .label = {(a), (b)}, .set = {(set_a), (set_b)}
#define PX_COUNTER(id, n, labels, text)                                                            \
    {.kind = PX_METRIC_COUNTER, .name = (n), .help = (text), labels},
#define PX_GAUGE(id, n, labels, text)                                                              \
    {.kind = PX_METRIC_GAUGE, .name = (n), .help = (text), labels},
#define PX_HISTOGRAM(id, n, labels, edges, text)                                                   \
    {.kind = PX_METRIC_HISTOGRAM, .name = (n), .help = (text), .buckets = (edges), labels},
