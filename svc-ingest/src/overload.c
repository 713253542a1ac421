/* The bound on waiting events that follows the log's pace: see overload.h. */
#include "overload.h"

#define SMOOTH 0.2 /* weight of the newest look */

void ing_overload_init(struct ing_overload *o, px_us most, uint32_t cap, px_us now) {
    *o = (struct ing_overload){.most = most, .cap = cap, .looked = now, .turn = now};
}

/* Little's law: what the log takes in the time that an event may wait. */
static uint32_t overload_bound(const struct ing_overload *o) {
    double n = o->per_second * (double)o->most / (double)PX_US_PER_S;

    if (n < ING_OVERLOAD_FLOOR) {
        n = ING_OVERLOAD_FLOOR;
    }
    return n > (double)o->cap ? o->cap : (uint32_t)n;
}

/* Since when it has been so. */
static px_us overload_since(px_us since, bool so, px_us now) {
    return !so ? 0 : since ? since : now;
}

/* At the pace of the newest reports, since their age tells of the past. Where some are quick, what
 * waits does so for a part of the log only, and the other part is well. */
static void overload_ahead(struct ing_overload *o, px_us now, uint32_t waiting) {
    double pace = (double)o->reports / (double)(now - o->turn);
    bool far = pace * ING_OVERLOAD_FAR * (double)o->most < (double)waiting;
    bool some = o->least > o->most / 4 && waiting > ING_OVERLOAD_FLOOR;

    o->far = far && some ? o->far + 1 : 0;
}

static void overload_pace(struct ing_overload *o, px_us now) {
    double pace = (double)o->reports * (double)PX_US_PER_S / (double)(now - o->looked);

    o->per_second += (o->per_second > 0 ? SMOOTH : 1) * (pace - o->per_second);
    o->looked = now;
    o->reports = 0;
}

uint32_t ing_overload_look(struct ing_overload *o, px_us now, uint32_t waiting) {
    uint32_t bound = o->active ? overload_bound(o) : o->cap;

    if (o->most == 0 || o->reports == 0 || now <= o->turn) {
        o->turn = now;
        return bound; /* nothing was stored: that says nothing about the pace */
    }
    overload_ahead(o, now, waiting);
    overload_pace(o, now);
    o->turn = now;
    o->slow = overload_since(o->slow, o->least > o->most, now);
    o->calm = overload_since(o->calm, o->least < o->most / 2 && waiting < bound / 2, now);
    bool late = o->slow && now - o->slow >= ING_OVERLOAD_SLOW;
    if (!o->active && (late || o->far > 1)) {
        o->active = true;
    } else if (o->active && o->calm && now - o->calm >= ING_OVERLOAD_CALM) {
        o->active = false;
    }
    return o->active ? overload_bound(o) : o->cap;
}
