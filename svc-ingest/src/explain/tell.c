/* A walk -> what people and programs read of it. Pure. */
#include "tell.h"

#include <px/jsonw.h>

#include <stdio.h>

static bool tell_is_trusted(const struct ing_told *t, const struct px_fwd_step *s) {
    return s->readable && s->trusted < t->policy->trusted.n;
}

/* --- as text ------------------------------------------------------------------------------------
 */

/* A field may hold any byte above 0x20. */
static void tell_put(struct px_buf *out, struct px_str s) {
    for (size_t i = 0; i < s.n; i++) {
        px_buf_byte(out, s.p[i] >= ' ' && s.p[i] < 0x7f ? (uint8_t)s.p[i] : '?');
    }
}

static void tell_step(const struct ing_told *t, size_t i, struct px_buf *out) {
    const struct px_fwd_step *s = &t->walk->steps[i];
    char addr[PX_ADDR_TEXT] = "-", net[PX_NET_TEXT], name[32] = "peer";

    if (i > 0) {
        snprintf(name, sizeof name, "hop %zu", i);
    }
    if (s->readable) {
        px_addr_fmt(&s->addr, addr);
    }
    px_buf_printf(out, "%-8s %-39s ", name, addr);
    if (tell_is_trusted(t, s)) {
        px_net_fmt(&t->policy->trusted.v[s->trusted], net);
        px_buf_printf(out, "trusted by %s", net);
    } else {
        px_buf_c(out, s->readable ? "not trusted" : "not an address");
    }
    if (i > 0 && !px_str_is(s->text, addr)) {
        px_buf_c(out, ", written as \"");
        tell_put(out, s->text);
        px_buf_byte(out, '"');
    }
    px_buf_byte(out, '\n');
}

void ing_tell_text(const struct ing_told *t, struct px_buf *out) {
    char addr[PX_ADDR_TEXT], net[PX_NET_TEXT];

    px_buf_printf(out, "%-8s %s\n%-8s", "field", px_fwd_header_name(t->policy->header), "trusted");
    for (size_t i = 0; i < t->policy->trusted.n; i++) {
        px_net_fmt(&t->policy->trusted.v[i], net);
        px_buf_printf(out, " %s", net);
    }
    px_buf_c(out, t->policy->trusted.n ? "\n" : " nobody\n");
    for (size_t i = 0; i < t->walk->n; i++) {
        tell_step(t, i, out);
    }
    px_addr_fmt(&t->walk->client, addr);
    px_buf_printf(out, "%-8s %-39s %s: %s\n", "client", addr, px_fwd_end_code(t->walk->end),
                  px_fwd_end_text(t->walk->end));
    px_buf_printf(out, "%-8s %-39.*s Privacy:ClientAddress=%s\n", "kept",
                  (int)(t->kept.n ? t->kept.n : 1), t->kept.n ? t->kept.p : "-",
                  ing_address_mode_name(t->mode));
}

/* --- as JSON ------------------------------------------------------------------------------------
 */

static void tell_step_json(const struct ing_told *t, size_t i, struct px_jsonw *w) {
    const struct px_fwd_step *s = &t->walk->steps[i];
    char text[PX_NET_TEXT];

    px_jw_obj(w);
    px_jw_kc(w, "from", i == 0 ? "peer" : "field");
    if (i > 0) {
        px_jw_kstr(w, "written", s->text);
    }
    if (s->readable) {
        px_addr_fmt(&s->addr, text);
    }
    px_jw_kc(w, "address", s->readable ? text : NULL);
    px_jw_kbool(w, "trusted", tell_is_trusted(t, s));
    if (tell_is_trusted(t, s)) {
        px_net_fmt(&t->policy->trusted.v[s->trusted], text);
        px_jw_kc(w, "network", text);
    }
    px_jw_obj_end(w);
}

void ing_tell_json(const struct ing_told *t, struct px_buf *out) {
    struct px_jsonw w = px_jsonw_on(out);
    char text[PX_NET_TEXT];

    px_jw_obj(&w);
    px_addr_fmt(&t->walk->client, text);
    px_jw_kc(&w, "client", text);
    px_jw_kc(&w, "found", px_fwd_end_code(t->walk->end));
    px_jw_kc(&w, "means", px_fwd_end_text(t->walk->end));
    px_jw_key(&w, "kept");
    if (t->kept.n) {
        px_jw_str(&w, t->kept);
    } else {
        px_jw_null(&w);
    }
    px_jw_kc(&w, "mode", ing_address_mode_name(t->mode));
    px_jw_kc(&w, "field", px_fwd_header_name(t->policy->header));
    px_jw_key(&w, "trusted");
    px_jw_arr(&w);
    for (size_t i = 0; i < t->policy->trusted.n; i++) {
        px_net_fmt(&t->policy->trusted.v[i], text);
        px_jw_c(&w, text);
    }
    px_jw_arr_end(&w);
    px_jw_key(&w, "steps");
    px_jw_arr(&w);
    for (size_t i = 0; i < t->walk->n; i++) {
        tell_step_json(t, i, &w);
    }
    px_jw_arr_end(&w);
    px_jw_obj_end(&w);
    px_buf_byte(out, '\n');
}
