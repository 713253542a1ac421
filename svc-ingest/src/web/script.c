/* GET /px.js: bytes that were made when the program was built (web/embed.sh), in the form that the
 * client takes, or 304. Two constant answers: nothing is allocated or computed per request. */
#include "script.h"

#include "px_js.inc"

/* One entity tag for each form: a strong one names exactly these bytes. */
#define SCRIPT_FIELDS(tag)                                                                         \
    "ETag: " tag "\r\n"                                                                            \
    "Cache-Control: public, max-age=3600\r\n"                                                      \
    "Vary: Accept-Encoding\r\n"                                                                    \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "Cross-Origin-Resource-Policy: cross-origin\r\n"                                               \
    "Access-Control-Allow-Origin: *\r\n"
#define SCRIPT_PLAIN_TAG  "\"" SCRIPT_HASH "\""
#define SCRIPT_PACKED_TAG "\"" SCRIPT_HASH "-gzip\""

static const struct script_form {
    const char *tag;
    struct px_str fields, body;
} script_forms[] = {
    {SCRIPT_PLAIN_TAG,
     PX_S_INIT(SCRIPT_FIELDS(SCRIPT_PLAIN_TAG)),
     {.p = (const char *)script_plain, .n = sizeof script_plain}},
    {SCRIPT_PACKED_TAG,
     PX_S_INIT(SCRIPT_FIELDS(SCRIPT_PACKED_TAG) "Content-Encoding: gzip\r\n"),
     {.p = (const char *)script_packed, .n = sizeof script_packed}},
};

bool ing_script_takes_gzip(struct px_str accept) {
    bool named = false, takes = false;

    while (accept.n) {
        struct px_str coding;
        bool wanted = px_weight_wants(px_str_part(&accept, ','), &coding);
        if (px_str_ieq(coding, PX_S("gzip"))) {
            named = true;
            takes = wanted;
        } else if (!named && px_str_is(coding, "*")) {
            takes = wanted;
        }
    }
    return takes;
}

void ing_script(struct ing_worker *w, const struct ing_request *rq) {
    bool packed = ing_script_takes_gzip(px_req_header(rq->req, "accept-encoding", NULL));
    const struct script_form *form = &script_forms[packed];
    struct px_http_reply reply = {.status = 200,
                                  .type = "text/javascript; charset=utf-8",
                                  .fields = form->fields,
                                  .body = form->body};

    if (ing_page_held(form->tag, rq->req)) {
        reply.status = 304;
        reply.type = NULL;
    }
    ing_reply(w, rq, &reply);
}
