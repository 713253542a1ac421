/* Which handler a path belongs to. Pure: the catalog decides which pixels exist. */
#ifndef ING_ROUTES_H
#define ING_ROUTES_H

#include <px/catalog.h>

enum ing_route {
    ING_ROUTE_PIXEL,
    ING_ROUTE_EVENTS,
    ING_ROUTE_OTHER
};
extern const char *const ing_route_names[]; /* metric label, by enum ing_route */
#define ING_ROUTES 3

struct ing_match {
    enum ing_route route;
    const struct px_event_type *type; /* PIXEL: NULL when the catalog has no such pixel */
    const char *allow;                /* methods for `Allow`; NULL for OTHER             */
};

/* ing_route(cat, path): match the raw ${path}: /api/pixel/{type} and, for types that are pixels,
 * /{type}; /api/events. Names are compared as they stand: an escaped path is another path.
 * Threads: pure. Source: S0 5.1, S1. */
struct ing_match ing_route(const struct px_catalog *cat, struct px_str path);

#endif
