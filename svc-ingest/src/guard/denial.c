/* The rows of denial.def. Data only. */
#include "guard.h"

static const struct {
    const char *code, *text;
    int http;
} denials[] = {
#define ING_DENIAL(name, error, status, sentence)                                                  \
    {.code = (error), .text = (sentence), .http = (status)},
#include "denial.def"
#undef ING_DENIAL
};
static_assert(PX_ARRAY_LEN(denials) == ING_DENIALS, "one row each");

const char *ing_denial_code(enum ing_denial d) {
    return denials[d].code;
}

const char *ing_denial_text(enum ing_denial d) {
    return denials[d].text;
}

int ing_denial_http(enum ing_denial d) {
    return denials[d].http;
}
