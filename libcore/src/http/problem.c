/* Problem documents (RFC 9457) and the texts of status codes. Pure. */
#include <px/http.h>
#include <px/jsonw.h>

#include <stdio.h>

#define TYPE_PREFIX "urn:pixel-analytics:problem:"

static void write_errors(struct px_jsonw *w, const struct px_problem *p) {
    px_jw_key(w, "errors");
    px_jw_arr(w);
    for (size_t i = 0; i < p->nerrors; i++) {
        px_jw_obj(w);
        px_jw_kc(w, "field", p->errors[i].field);
        px_jw_kc(w, "code", p->errors[i].code);
        px_jw_kstr(w, "message", p->errors[i].message);
        px_jw_obj_end(w);
    }
    px_jw_arr_end(w);
}

void px_problem_write(const struct px_problem *p, struct px_buf *out) {
    struct px_jsonw w = px_jsonw_on(out);
    char type[128];
    (void)snprintf(type, sizeof(type), TYPE_PREFIX "%s", p->code);
    px_jw_obj(&w);
    px_jw_kc(&w, "type", type);
    px_jw_kc(&w, "title", p->title);
    px_jw_ki64(&w, "status", p->status);
    px_jw_kc(&w, "code", p->code);
    if (p->detail.n) {
        px_jw_kstr(&w, "detail", p->detail);
    }
    if (p->instance.n) {
        px_jw_kstr(&w, "instance", p->instance);
    }
    px_jw_kbool(&w, "retryable", p->retryable);
    if (p->nerrors) {
        write_errors(&w, p);
    }
    px_jw_obj_end(&w);
}

const char *px_http_status_text(int status) {
    static const struct {
        int status;
        const char *text;
    } rows[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {425, "Too Early"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        if (rows[i].status == status) {
            return rows[i].text;
        }
    }
    return "Status";
}
