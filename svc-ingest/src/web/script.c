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

/* "q=0", "q=0.000": not acceptable. */
static bool script_is_zero(struct px_str weight) {
    if (weight.n < 3 || (weight.p[0] != 'q' && weight.p[0] != 'Q') || weight.p[1] != '=') {
        return false;
    }
    for (size_t i = 2; i < weight.n; i++) {
        if (weight.p[i] != '0' && weight.p[i] != '.') {
            return false;
        }
    }
    return true;
}

bool ing_script_takes_gzip(struct px_str accept) {
    bool named = false, takes = false;

    while (accept.n) {
        struct px_str item = px_str_part(&accept, ',');
        struct px_str coding = px_str_trim(px_str_part(&item, ';'));
        bool wanted = !script_is_zero(px_str_trim(px_str_part(&item, ';')));
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
