/* The schema of events, robots.txt, and what browsers ask for without being told to. */
#include "pages.h"

#include "event_schema.h"

#include <px/hash.h>

#include <stdio.h>

#define PAGES_SCHEMA_MAX ((size_t)4 * 1024 * 1024) /* of 128 types with 64 attributes */
#define PAGES_DAY        "public, max-age=86400"
#define PAGES_MINUTES    "public, max-age=300"

/* A part of SHA-256 is as good a name of the content as any. */
static void pages_etag(struct px_str body, char out[36]) {
    uint8_t sum[32];

    px_sha256(body, sum);
    out[0] = '"';
    for (size_t i = 0; i < 16; i++) {
        snprintf(out + 1 + 2 * i, 3, "%02x", sum[i]);
    }
    out[33] = '"';
    out[34] = '\0';
}

enum px_code ing_pages_init(struct ing_pages *p, const struct px_catalog *cat,
                            struct px_err *reterr) {
    px_buf_init(&p->schema, PAGES_SCHEMA_MAX);
    ing_event_schema(cat, &p->schema);
    enum px_code rc = px_buf_ok(&p->schema, reterr);
    if (rc) {
        return rc;
    }
    p->v[ING_PAGE_SCHEMA] = (struct ing_document){.status = 200,
                                                  .type = "application/schema+json",
                                                  .cache = PAGES_MINUTES,
                                                  .body = px_buf_view(&p->schema)};
    p->v[ING_PAGE_ROBOTS] = (struct ing_document){.status = 200,
                                                  .type = "text/plain; charset=utf-8",
                                                  .cache = PAGES_DAY,
                                                  .body = PX_S("User-agent: *\nDisallow: /\n")};
    p->v[ING_PAGE_FAVICON] = (struct ing_document){.status = 404, .cache = PAGES_DAY};
    for (size_t i = 0; i < ING_PAGES; i++) {
        if (p->v[i].body.n) {
            pages_etag(p->v[i].body, p->etag[i]);
            p->v[i].etag = p->etag[i];
        }
    }
    return PX_OK;
}

void ing_pages_fini(struct ing_pages *p) {
    px_buf_fini(&p->schema);
}

bool ing_page_held(const char *etag, const struct px_http_req *req) {
    char weak[64];

    if (!etag) {
        return false;
    }
    snprintf(weak, sizeof weak, "W/%s", etag);
    return px_req_names(req, "if-none-match", etag) || px_req_names(req, "if-none-match", weak) ||
           px_req_names(req, "if-none-match", "*");
}
