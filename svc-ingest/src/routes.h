/* Which handler a path belongs to. Pure: the catalog decides which pixels exist. */
#ifndef ING_ROUTES_H
#define ING_ROUTES_H

#include <px/catalog.h>

enum ing_route {
    ING_ROUTE_PIXEL,
    ING_ROUTE_EVENTS,
    ING_ROUTE_PAGE,
    ING_ROUTE_SCRIPT,
    ING_ROUTE_OTHER
};
extern const char *const ing_route_names[]; /* metric label, by enum ing_route */
#define ING_ROUTES 5

/* What is served as it is. */
enum ing_page {
    ING_PAGE_SCHEMA,
    ING_PAGE_ROBOTS,
    ING_PAGE_FAVICON
};
#define ING_PAGES 3

struct ing_match {
    enum ing_route route;
    const struct px_event_type *type; /* PIXEL: NULL when the catalog has no such pixel */
    enum ing_page page;               /* PAGE */
    const char *allow;                /* methods for `Allow`; NULL for OTHER             */
};

/* ing_route(cat, path): match the raw ${path}: /api/pixel/{type} and, for types that are pixels,
 * /{type}; /api/events; the pages; /px.js. Names are compared as they stand: an escaped path is
 * another path. Threads: pure. Source: S0 5.1, S1. */
struct ing_match ing_route(const struct px_catalog *cat, struct px_str path);

#endif
