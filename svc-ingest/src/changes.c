/* Says once when the service loses the log and once when it has it back, over all workers: the
 * first worker's timer looks at what every worker has put into its gauges. Decides nothing. */
#include "worker.h"

#include <px/log.h>

static void changes_lost(const struct ing_worker *w) {
    struct px_producer_state state;

    px_producer_get(w->producer, &state);
    px_log(PX_LOG_WARN, "log.unreachable",
           PX_F_C("server.address", w->world->conf->kafka.bootstrap),
           PX_F_C("error.message", state.last_error),
           PX_F_C("remedy", "events are answered 503 until a broker can be reached; look whether "
                            "the brokers run and Kafka:BootstrapServers names them"));
}

static void changes_fatal(void) {
    px_log(PX_LOG_WARN, "producer.fatal",
           PX_F_C("remedy", "nothing to do: it is made anew within seconds, and until then events "
                            "are answered 503; if it comes again and again, look at the brokers"));
}

void ing_changes_look(struct ing_worker *w, px_us now) {
    const struct px_metrics *m = w->world->metrics;
    struct ing_changes *c = &w->changes;
    bool down = px_metrics_value(m, ING_M_BROKERS_DOWN, 0, 0) > 0;
    bool fatal = px_metrics_value(m, ING_M_FATAL, 0, 0) > 0;

    if (down != c->down) {
        c->down = down;
        if (down) {
            c->down_since = now;
            changes_lost(w);
        } else {
            px_log(PX_LOG_INFO, "log.reachable", PX_F_MS("event.duration_ms", now - c->down_since));
        }
    }
    if (fatal != c->fatal) {
        c->fatal = fatal;
        if (fatal) {
            c->fatal_since = now;
            changes_fatal();
        } else {
            px_log(PX_LOG_INFO, "producer.rebuilt",
                   PX_F_MS("event.duration_ms", now - c->fatal_since));
        }
    }
}
