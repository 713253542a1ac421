/* Header fields -> class and reason. User agents repeat, so verdicts about them are kept in a table
 * of fixed size: two places for each hash, the one that was used less lately is given away. The
 * hash is keyed, so that nobody can choose user agents that fall together; a full compare decides.
 */
#include "class.h"

#include "crawlers.h"

#include <px/hash.h>
#include <px/mem.h>

#define SETS     256
#define KEPT_MAX 256 /* bytes of a user agent that is kept; longer ones are looked at each time */

struct kept {
    struct ing_class class;
    uint16_t n; /* 0 = free */
    char agent[KEPT_MAX];
};
struct ing_classes {
    uint64_t k0, k1;
    enum ing_opt_out opt_out;
    uint8_t older[SETS]; /* of the two: the place to give away */
    struct kept v[SETS][2];
};

/* --- by the user agent --------------------------------------------------------------------------
 */

/* Fetched by a mail provider: the list calls some of them bots, but somebody may have read the
 * mail. */
static bool by_mail_proxy(struct px_str agent, struct px_str *ret_reason) {
    static const struct {
        struct px_str text, reason;
        bool whole;
    } rows[] = {
        {PX_S_INIT("GoogleImageProxy"), PX_S_INIT("ua:GoogleImageProxy"), false},
        {PX_S_INIT("YahooMailProxy"), PX_S_INIT("ua:YahooMailProxy"), false},
        {PX_S_INIT("Mozilla/5.0"), PX_S_INIT("ua:Mozilla/5.0"), true}, /* Apple's, and no more */
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        bool held = rows[i].whole
                        ? px_str_eq(agent, rows[i].text)
                        : memmem(agent.p, agent.n, rows[i].text.p, rows[i].text.n) != NULL;
        if (held) {
            *ret_reason = rows[i].reason;
            return true;
        }
    }
    return false;
}

struct ing_class ing_class_of_agent(struct px_str agent) {
    struct ing_class c = {.traffic = PX_TRAFFIC_HUMAN};
    int crawler;

    if (agent.n == 0) {
        return (struct ing_class){PX_TRAFFIC_UNKNOWN, PX_S("no-user-agent")};
    }
    if (by_mail_proxy(agent, &c.reason)) {
        c.traffic = PX_TRAFFIC_EMAIL_PROXY;
    } else if ((crawler = ing_crawler_find(agent)) >= 0) {
        c.traffic = ing_crawler_class(crawler);
        c.reason = ing_crawler_reason(crawler);
    }
    return c;
}

static struct ing_class of_agent(struct ing_classes *c, struct px_str agent) {
    if (agent.n == 0 || agent.n > KEPT_MAX) {
        return ing_class_of_agent(agent);
    }
    size_t set = px_siphash(c->k0, c->k1, agent) % SETS;
    for (uint8_t i = 0; i < 2; i++) {
        const struct kept *k = &c->v[set][i];
        if (k->n == agent.n && memcmp(k->agent, agent.p, agent.n) == 0) {
            c->older[set] = !i;
            return k->class;
        }
    }
    struct kept *k = &c->v[set][c->older[set]];
    c->older[set] = !c->older[set];
    k->n = (uint16_t)agent.n;
    memcpy(k->agent, agent.p, agent.n);
    k->class = ing_class_of_agent(agent);
    return k->class;
}

/* --- by what else a request says -----------------------------------------------------------------
 */

/* ${word} at the begin of a field's value, alone or with parameters. */
static bool says(struct px_str value, const char *word) {
    struct px_str w = px_str_c(word);

    return value.n >= w.n && px_str_ieq((struct px_str){.p = value.p, .n = w.n}, w) &&
           (value.n == w.n || value.p[w.n] == ';' || value.p[w.n] == ',' || value.p[w.n] == ' ');
}

static bool is_prefetch(const struct ing_signals *s, struct px_str *ret_reason) {
    *ret_reason = says(s->sec_purpose, "prefetch") || says(s->sec_purpose, "prerender")
                      ? PX_S("sec-purpose")
                  : says(s->purpose, "prefetch") || says(s->purpose, "preview") ||
                          says(s->purpose, "prerender")
                      ? PX_S("purpose")
                  : says(s->x_purpose, "preview") || says(s->x_purpose, "instant") ||
                          says(s->x_purpose, "prefetch")
                      ? PX_S("x-purpose")
                  : says(s->x_moz, "prefetch") ? PX_S("x-moz")
                                               : (struct px_str){.p = NULL};
    return ret_reason->n > 0;
}

static bool is_opt_out(enum ing_opt_out which, const struct ing_signals *s,
                       struct px_str *ret_reason) {
    *ret_reason = which != ING_OPT_OUT_NONE && px_str_is(s->sec_gpc, "1") ? PX_S("gpc")
                  : which == ING_OPT_OUT_BOTH && px_str_is(s->dnt, "1")
                      ? PX_S("dnt")
                      : (struct px_str){.p = NULL};
    return ret_reason->n > 0;
}

struct ing_class ing_classes_get(struct ing_classes *c, const struct ing_signals *s) {
    if (s->keyed) {
        return (struct ing_class){PX_TRAFFIC_HUMAN, PX_S("server-key")};
    }
    struct ing_class by_agent = of_agent(c, s->user_agent);
    struct ing_class found = by_agent;

    if (by_agent.traffic != PX_TRAFFIC_HUMAN && by_agent.traffic != PX_TRAFFIC_UNKNOWN) {
        return by_agent;
    }
    if (is_prefetch(s, &found.reason)) {
        found.traffic = PX_TRAFFIC_PREFETCH;
    } else if (is_opt_out(c->opt_out, s, &found.reason)) {
        found.traffic = PX_TRAFFIC_OPT_OUT;
    } else {
        found = by_agent;
    }
    return found;
}

/* --- life ---------------------------------------------------------------------------------------
 */

enum px_code ing_classes_new(enum ing_opt_out opt_out, struct ing_classes **ret,
                             struct px_err *reterr) {
    struct ing_classes *c = px_alloc(sizeof *c);

    if (!c) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the classes of user agents");
    }
    c->opt_out = opt_out;
    px_random(&c->k0, sizeof c->k0);
    px_random(&c->k1, sizeof c->k1);
    *ret = c;
    return PX_OK;
}

void ing_classes_free(struct ing_classes *c) {
    px_free(c);
}
