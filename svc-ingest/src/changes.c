/* Says once when the service loses the log and once when it has it back, over all workers: the
 * first worker's timer looks at what every worker has put into its gauges. Decides nothing. */
#include "worker.h"

#include <px/log.h>

/* What does not last so long is not said: when the log comes back, reports of both kinds mix. */
#define CHANGES_LASTS PX_US_PER_S

static void changes_unreachable(const struct ing_worker *w, const char *error) {
    px_log(PX_LOG_WARN, "log.unreachable",
           PX_F_C("server.address", w->world->conf->kafka.bootstrap),
           PX_F_C("error.message", error),
           PX_F_C("remedy", "events are answered 503 until a broker can be reached; look whether "
                            "the brokers run and Kafka:BootstrapServers names them"));
}

static void changes_refuses(const char *error) {
    px_log(PX_LOG_WARN, "log.refuses", PX_F_C("error.message", error),
           PX_F_C("remedy", "events are answered 503; look for too few replicas in sync, a missing "
                            "topic or permission (--check names them) and a broker that hangs"));
}

/* Why is known of the first worker's producer only; the others talk to the same brokers. */
static void changes_log(struct ing_worker *w, px_us now) {
    const struct px_metrics *m = w->world->metrics;
    struct ing_changes *c = &w->changes;
    struct px_producer_state state;
    enum ing_log is = px_metrics_value(m, ING_M_BROKERS_DOWN, 0, 0)  ? ING_LOG_UNREACHABLE
                      : px_metrics_value(m, ING_M_NOT_STORING, 0, 0) ? ING_LOG_REFUSES
                                                                     : ING_LOG_STORES;

    if (is != c->seen) {
        c->seen = is;
        c->seen_at = now;
    }
    if (now - c->seen_at < CHANGES_LASTS || is == c->log ||
        (is == ING_LOG_REFUSES && c->log == ING_LOG_UNREACHABLE)) {
        return; /* reached again but not proven to store: the end of that comes with the proof */
    }
    px_producer_get(w->producer, &state);
    if (is == ING_LOG_STORES) {
        px_log(PX_LOG_INFO, "log.stores", PX_F_MS("event.duration_ms", now - c->lost_at));
    } else if (is == ING_LOG_UNREACHABLE) {
        changes_unreachable(w, state.last_error);
    } else {
        changes_refuses(state.last_error);
    }
    if (c->log == ING_LOG_STORES) {
        c->lost_at = now;
    }
    c->log = is;
}

static void changes_fatal(void) {
    px_log(PX_LOG_WARN, "producer.fatal",
           PX_F_C("remedy", "nothing to do: it is made anew within seconds, and until then events "
                            "are answered 503; if it comes again and again, look at the brokers"));
}

void ing_changes_look(struct ing_worker *w, px_us now) {
    struct ing_changes *c = &w->changes;
    bool fatal = px_metrics_value(w->world->metrics, ING_M_FATAL, 0, 0) > 0;

    changes_log(w, now);
    if (fatal == c->fatal) {
        return;
    }
    c->fatal = fatal;
    if (fatal) {
        c->fatal_at = now;
        changes_fatal();
    } else {
        px_log(PX_LOG_INFO, "producer.rebuilt", PX_F_MS("event.duration_ms", now - c->fatal_at));
    }
}
