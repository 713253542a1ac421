/* The words of traffic.def. Pure; finding an event's class is svc-ingest's. */
#include <px/traffic.h>

static const struct {
    const char *word, *text;
    bool person;
} classes[PX_TRAFFIC_COUNT] = {
#define PX_TRAFFIC(name, w, p, t) [PX_TRAFFIC_##name] = {.word = (w), .text = (t), .person = (p)},
#include <px/traffic.def>
#undef PX_TRAFFIC
};

const char *px_traffic_word(enum px_traffic t) {
    return classes[t].word;
}

const char *px_traffic_text(enum px_traffic t) {
    return classes[t].text;
}

bool px_traffic_is_person(struct px_str word) {
    for (size_t i = 0; i < PX_ARRAY_LEN(classes); i++) {
        if (px_str_is(word, classes[i].word)) {
            return classes[i].person;
        }
    }
    return px_str_is(word, PX_TRAFFIC_NONE);
}

void px_traffic_split(struct px_str both, struct px_str *ret_class, struct px_str *ret_reason) {
    size_t slash = px_str_find(both, '/');

    *ret_class = (struct px_str){.p = both.p, .n = slash};
    *ret_reason = slash < both.n ? (struct px_str){.p = both.p + slash + 1, .n = both.n - slash - 1}
                                 : (struct px_str){.p = NULL, .n = 0};
}
