/* Content-Type and Content-Encoding -> what to do with a body. Pure. */
#include "body.h"

bool ing_body_form(struct px_str type, bool twice, enum ing_form *ret) {
    static const struct {
        struct px_str name;
        enum ing_form form;
    } rows[] = {
        {PX_S_INIT("application/json"), ING_FORM_JSON},
        {PX_S_INIT("text/plain"), ING_FORM_JSON}, /* a beacon spares itself the preflight */
        {PX_S_INIT("application/x-ndjson"), ING_FORM_LINES},
        {PX_S_INIT("application/ndjson"), ING_FORM_LINES},
        {PX_S_INIT("application/jsonl"), ING_FORM_LINES},
    };

    if (twice) {
        return false;
    }
    if (!type.p) {
        *ret = ING_FORM_JSON;
        return true;
    }
    type.n = px_str_find(type, ';');
    type = px_str_trim(type);
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        if (px_str_ieq(type, rows[i].name)) {
            *ret = rows[i].form;
            return true;
        }
    }
    return false;
}

bool ing_body_coding(struct px_str coding, bool twice, enum ing_coding *ret) {
    bool none = !coding.p || px_str_ieq(coding, PX_S("identity"));
    bool gzip = px_str_ieq(coding, PX_S("gzip")) || px_str_ieq(coding, PX_S("x-gzip"));

    if (twice || (!none && !gzip)) {
        return false;
    }
    *ret = gzip ? ING_CODING_GZIP : ING_CODING_NONE;
    return true;
}
