/* How many events may wait for the log, when the log works but takes less than what comes. A queue
 * that is always full makes every acknowledged event as late as the queue is long, and stores no
 * event more; a log that stands still for a moment is another matter: there waiting is right. So
 * the bound comes down only when reports keep coming and even the fastest of them are late for a
 * while, or what waits will take far too long at the pace of the reports; then to what the log
 * takes in the time that is allowed. Knows neither HTTP nor Kafka; pure.
 * Source: Nichols and Jacobson, "Controlling Queue Delay" (2012); Little's law; ADR 28. */
#ifndef ING_OVERLOAD_H
#define ING_OVERLOAD_H

#include <px/clock.h>

#define ING_OVERLOAD_SLOW  PX_US_PER_S /* late for so long: it is no hiccup        */
#define ING_OVERLOAD_FAR   4           /* times the time allowed: not waited for          */
#define ING_OVERLOAD_CALM  PX_US_PER_S /* early for so long: it is over            */
#define ING_OVERLOAD_FLOOR 100         /* so many may always wait, however slow it is */

struct ing_overload {
    px_us most;        /* Ingest:MaxLogDelay; 0 = never */
    uint32_t cap;      /* Ingest:MaxInFlight */
    bool active;       /* the bound is down */
    uint32_t reports;  /* since the last look */
    px_us least;       /* the shortest wait among them */
    px_us looked;      /* the last look that had reports */
    px_us turn;        /* the last look */
    unsigned far;      /* looks in a row that saw far too much waiting */
    px_us slow, calm;  /* since when every look was late, early; 0 = it was not */
    double per_second; /* reports, smoothed */
};

/* ing_overload_init(o, most, cap, now): ${now} and all other times: mono clock. */
void ing_overload_init(struct ing_overload *o, px_us most, uint32_t cap, px_us now);
/* ing_overload_report(o, waited): the log has stored an event that waited so long. */
static inline void ing_overload_report(struct ing_overload *o, px_us waited) {
    o->least = o->reports == 0 || waited < o->least ? waited : o->least;
    o->reports++;
}
/* ing_overload_look(o, now, waiting): several times a second; how many events may wait from now on,
 * where ${waiting} do. */
uint32_t ing_overload_look(struct ing_overload *o, px_us now, uint32_t waiting);

#endif
