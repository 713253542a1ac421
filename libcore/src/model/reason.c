/* Facts of the closed set of reasons (reason.def): code, sentence, HTTP status. Pure. */
#include <px/validate.h>

struct fact {
    const char *code, *text;
    int http;
};
static const struct fact facts[PX_REASON_COUNT] = {
#define PX_REASON(name, code_, http_, text_)                                                       \
    [PX_REASON_##name] = {.code = (code_), .text = (text_), .http = (http_)},
#include <px/reason.def>
#undef PX_REASON
};

const char *px_reason_code(enum px_reason r) {
    px_assert((unsigned)r < PX_REASON_COUNT);
    return facts[r].code;
}

const char *px_reason_text(enum px_reason r) {
    px_assert((unsigned)r < PX_REASON_COUNT);
    return facts[r].text;
}

int px_reason_http(enum px_reason r) {
    px_assert((unsigned)r < PX_REASON_COUNT);
    return facts[r].http;
}
