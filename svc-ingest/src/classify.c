/* --classify: header fields from the command line through the same code as a request's. */
#include "classify.h"

#include "class.h"
#include "crawlers.h"

/* "NAME: VALUE" -> its place among the signals. */
static enum px_code classify_header(struct px_str text, struct ing_signals *s,
                                    struct px_err *reterr) {
    const struct {
        const char *name;
        struct px_str *to;
    } rows[] = {{"sec-purpose", &s->sec_purpose}, {"purpose", &s->purpose},
                {"x-purpose", &s->x_purpose},     {"x-moz", &s->x_moz},
                {"sec-gpc", &s->sec_gpc},         {"dnt", &s->dnt}};
    size_t colon = px_str_find(text, ':');
    struct px_str name = {.p = text.p, .n = colon};
    struct px_str value = {.p = text.p + colon, .n = text.n - colon};

    while (value.n && (*value.p == ':' || *value.p == ' ')) {
        value.p++;
        value.n--;
    }
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        if (colon < text.n && px_str_ieq(name, px_str_c(rows[i].name))) {
            *rows[i].to = value;
            return PX_OK;
        }
    }
    return PX_FAIL(reterr, PX_USAGE,
                   "--header: NAME:VALUE with one of Sec-Purpose, Purpose, X-Purpose, X-Moz, "
                   "Sec-GPC, DNT; no other field tells a class");
}

static void classify_print(struct px_buf *out, const struct ing_class *c, struct px_str agent) {
    int crawler = ing_crawler_find(agent);

    px_buf_printf(out, "%s %.*s\n", px_traffic_word(c->traffic),
                  PX_S_ARG(c->reason.n ? c->reason : PX_S("-")));
    px_buf_printf(out, "%s\n", px_traffic_text(c->traffic));
    if (crawler >= 0) {
        px_buf_printf(out, "pattern %d of %zu, crawler-user-agents %s\n", crawler + 1,
                      ing_crawlers_count(), ing_crawlers_version());
    }
}

enum px_code ing_classify(void *arg, const char *agent, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    struct ing_signals s = {.user_agent = px_str_c(agent)};
    const char *header = px_app_param(svc->app, "header");
    struct ing_classes *classes = NULL;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(1024);
    enum px_code rc = header ? classify_header(px_str_c(header), &s, reterr) : PX_OK;

    rc = rc ? rc
            : ing_classes_new((enum ing_opt_out)svc->world.conf->opt_out_signals, &classes, reterr);
    if (rc) {
        return rc;
    }
    struct ing_class c = ing_classes_get(classes, &s);
    classify_print(&out, &c, s.user_agent);
    ing_classes_free(classes);
    return px_app_print(px_buf_view(&out), reterr);
}
