/* Path -> route, the first step of every request. Pure. */
#include "routes.h"

const char *const ing_route_names[ING_ROUTES] = {"pixel", "events", "page", "script", "other"};

static const struct {
    struct px_str path;
    enum ing_page page;
} route_pages[ING_PAGES] = {
    {PX_S_INIT("/api/events/schema"), ING_PAGE_SCHEMA},
    {PX_S_INIT("/robots.txt"), ING_PAGE_ROBOTS},
    {PX_S_INIT("/favicon.ico"), ING_PAGE_FAVICON},
};

static const struct px_event_type *route_pixel_type(const struct px_catalog *cat,
                                                    struct px_str name) {
    const struct px_event_type *t = px_catalog_find(cat, name);
    return t && t->pixel ? t : NULL;
}

struct ing_match ing_route(const struct px_catalog *cat, struct px_str path) {
    static const struct px_str pixel = PX_S_INIT("/api/pixel/");

    if (px_str_starts(path, pixel)) {
        struct px_str name = {.p = path.p + pixel.n, .n = path.n - pixel.n};
        return (struct ing_match){.route = ING_ROUTE_PIXEL,
                                  .type = route_pixel_type(cat, name),
                                  .allow = "GET, HEAD, OPTIONS"};
    }
    if (px_str_is(path, "/api/events")) {
        return (struct ing_match){.route = ING_ROUTE_EVENTS, .allow = "POST, OPTIONS"};
    }
    if (px_str_is(path, "/px.js")) {
        return (struct ing_match){.route = ING_ROUTE_SCRIPT, .allow = "GET, HEAD, OPTIONS"};
    }
    if (path.n > 1 && path.p[0] == '/') {
        struct px_str name = {.p = path.p + 1, .n = path.n - 1};
        const struct px_event_type *t = route_pixel_type(cat, name);
        if (t) {
            return (struct ing_match){
                .route = ING_ROUTE_PIXEL, .type = t, .allow = "GET, HEAD, OPTIONS"};
        }
    }
    for (size_t i = 0; i < PX_ARRAY_LEN(route_pages); i++) {
        if (px_str_eq(path, route_pages[i].path)) {
            return (struct ing_match){.route = ING_ROUTE_PAGE,
                                      .page = route_pages[i].page,
                                      .allow = "GET, HEAD, OPTIONS"};
        }
    }
    return (struct ing_match){.route = ING_ROUTE_OTHER};
}
