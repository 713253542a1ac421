/* The calls of the registry's API: a path, a JSON body, and what the answer means. Knows no HTTP
 * library; answers are read through the guarded JSON reader. */
#include "internal.h"

#include <stdio.h>

#include <px/json.h>
#include <px/jsonw.h>
#include <px/mem.h>

#define PATH_MAX_LEN 2048
#define BODY_MAX     (512 * 1024) /* a schema of 64 KiB with every byte escaped */
/* The API's own error codes; they come with the HTTP status 404. */
#define NO_SUBJECT 40401
#define NO_VERSION 40402
#define NO_SCHEMA  40403
#define NO_LEVEL   40408

struct px_registry {
    struct px_curl *http;
    struct px_buf body, answer;
    struct px_json *doc; /* of the last answer */
    char path[PATH_MAX_LEN];
};

bool px_registry_used(const struct px_registry_conf *conf) {
    return conf->url[0] != '\0';
}

enum px_code px_registry_open(const struct px_registry_conf *conf, struct px_registry **ret,
                              struct px_err *reterr) {
    struct px_registry *r = px_alloc(sizeof *r);
    if (!r) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the registry's client");
    }
    px_buf_init(&r->body, BODY_MAX);
    px_buf_init(&r->answer, PX_ANSWER_MAX);
    enum px_code rc = px_curl_open(conf, &r->http, reterr);
    if (rc) {
        px_registry_close(r);
        return rc;
    }
    *ret = r;
    return PX_OK;
}

void px_registry_close(struct px_registry *r) {
    if (!r) {
        return;
    }
    px_curl_close(r->http);
    px_json_free(r->doc);
    px_buf_fini(&r->body);
    px_buf_fini(&r->answer);
    px_free(r);
}

/* --- one question -------------------------------------------------------------------------------
 */

/* What the registry says about a refusal, short. */
static struct px_str words(const struct px_registry *r) {
    const struct px_jnode *root = r->doc ? px_json_root(r->doc) : NULL;
    struct px_str s = px_json_text(px_json_get(root, "message"));
    if (s.n > 160) {
        s.n = 160;
        while (s.n && ((uint8_t)s.p[s.n] & 0xc0) == 0x80) {
            s.n--;
        }
    }
    return s.p ? s : PX_S("without a reason");
}

static bool unknown_thing(const struct px_registry *r) {
    int64_t code = 0;
    const struct px_jnode *root = r->doc ? px_json_root(r->doc) : NULL;
    return px_json_int(px_json_get(root, "error_code"), &code) &&
           (code == NO_SUBJECT || code == NO_VERSION || code == NO_SCHEMA || code == NO_LEVEL);
}

static enum px_code judge(const struct px_registry *r, long status, struct px_err *reterr) {
    if (status == 401 || status == 403) {
        return PX_FAIL(reterr, PX_DENIED,
                       "the registry refuses: check SchemaRegistry:User, "
                       "SchemaRegistry:PasswordFile and its rights");
    }
    if (status == 404 && unknown_thing(r)) {
        return PX_FAIL(reterr, PX_NOT_FOUND, "%.*s", PX_S_ARG(words(r)));
    }
    if (status == 409) {
        return PX_FAIL(reterr, PX_SCHEMA, "incompatible: %.*s", PX_S_ARG(words(r)));
    }
    if (status == 422) {
        return PX_FAIL(reterr, PX_SCHEMA, "refused: %.*s", PX_S_ARG(words(r)));
    }
    if (status == 408 || status == 429 || status >= 500) {
        return PX_FAIL(reterr, PX_UNAVAILABLE, "the registry answers %ld: %.*s", status,
                       PX_S_ARG(words(r)));
    }
    return PX_FAIL(reterr, PX_PROTOCOL,
                   "what answers is no registry (status %ld): check SchemaRegistry:Url and its "
                   "path",
                   status);
}

/* Sends r->path and r->body; r->doc is the answer. */
static enum px_code ask(struct px_registry *r, const char *method, struct px_err *reterr) {
    long status = 0;
    struct px_ask a = {.method = method, .path = r->path, .body = px_buf_view(&r->body)};
    struct px_err bad = PX_ERR_INIT;

    px_json_free(r->doc);
    r->doc = NULL;
    px_buf_reset(&r->answer);
    enum px_code rc = px_buf_ok(&r->body, reterr);
    rc = rc ? rc : px_curl_ask(r->http, &a, &status, &r->answer, reterr);
    if (rc) {
        return rc;
    }
    rc = px_json_parse(px_buf_view(&r->answer), PX_ANSWER_MAX, &r->doc, &bad);
    if (rc == PX_NOMEM) {
        return PX_FAIL(reterr, rc, "no memory for the registry's answer");
    }
    if (status != 200) {
        return judge(r, status, reterr);
    }
    return rc ? PX_FAIL(reterr, PX_PROTOCOL, "the registry's answer is no JSON: %.120s", bad.msg)
              : PX_OK;
}

static const struct px_jnode *answer(const struct px_registry *r, const char *member) {
    return px_json_get(px_json_root(r->doc), member);
}

/* Subjects come from topic names, but what is not plain is escaped all the same. */
static enum px_code path(struct px_registry *r, const char *before, const char *subject,
                         const char *after, struct px_err *reterr) {
    static const char hex[] = "0123456789ABCDEF";
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(sizeof r->path - 1);

    px_buf_reset(&r->body);
    px_buf_c(&b, before);
    for (const char *p = subject; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || strchr("-_.~", *p);
        if (plain) {
            px_buf_add(&b, p, 1);
        } else {
            char esc[3] = {'%', hex[(uint8_t)*p >> 4], hex[(uint8_t)*p & 15]};
            px_buf_add(&b, esc, sizeof esc);
        }
    }
    px_buf_c(&b, after);
    if (!px_str_copy(px_buf_view(&b), r->path, sizeof r->path)) {
        return PX_FAIL(reterr, PX_TOO_LARGE, "%.60s...: too long a subject", subject);
    }
    return px_buf_ok(&b, reterr);
}

static void put_schema(struct px_registry *r, struct px_str schema) {
    struct px_jsonw w = px_jsonw_on(&r->body);
    px_jw_obj(&w);
    px_jw_kstr(&w, "schema", schema);
    px_jw_obj_end(&w);
}

static enum px_code no_member(const char *name, struct px_err *reterr) {
    return PX_FAIL(reterr, PX_PROTOCOL, "the registry's answer has no %s that makes sense", name);
}

static bool get_u32(const struct px_registry *r, const char *member, uint32_t *ret) {
    int64_t v = -1;
    if (!px_json_int(answer(r, member), &v) || v < 0 || v > UINT32_MAX) {
        return false;
    }
    *ret = (uint32_t)v;
    return true;
}

/* --- the calls ----------------------------------------------------------------------------------
 */

enum px_code px_registry_find(struct px_registry *r, const char *subject, struct px_str schema,
                              struct px_registry_id *ret, struct px_err *reterr) {
    struct px_registry_id found;
    enum px_code rc = path(r, "/subjects/", subject, "", reterr);
    if (rc == PX_OK) {
        put_schema(r, schema);
        rc = ask(r, "POST", reterr);
    }
    if (rc) {
        return rc;
    }
    if (!get_u32(r, "id", &found.id) || !get_u32(r, "version", &found.version)) {
        return no_member("id and version", reterr);
    }
    *ret = found;
    return PX_OK;
}

enum px_code px_registry_schema(struct px_registry *r, uint32_t id, struct px_buf *out,
                                struct px_err *reterr) {
    snprintf(r->path, sizeof r->path, "/schemas/ids/%u", id);
    px_buf_reset(&r->body);
    enum px_code rc = ask(r, "GET", reterr);
    if (rc) {
        return rc;
    }
    struct px_str text = px_json_text(answer(r, "schema"));
    struct px_str kind = px_json_text(answer(r, "schemaType")); /* absent = AVRO */
    if (!text.p) {
        return no_member("schema", reterr);
    }
    if ((kind.p && !px_str_is(kind, "AVRO")) || px_json_first(answer(r, "references"))) {
        return PX_FAIL(reterr, PX_UNSUPPORTED, "schema %u is no Avro schema by itself", id);
    }
    px_buf_str(out, text);
    return px_buf_ok(out, reterr);
}

enum px_code px_registry_level(struct px_registry *r, const char *subject,
                               struct px_registry_level *ret, struct px_err *reterr) {
    enum px_code rc = path(r, "/config/", subject, "", reterr);
    rc = rc ? rc : ask(r, "GET", reterr);
    if (rc) {
        return rc;
    }
    struct px_registry_level level;
    if (!px_str_copy(px_json_text(answer(r, "compatibilityLevel")), level.name,
                     sizeof level.name) ||
        !level.name[0]) {
        return no_member("compatibilityLevel", reterr);
    }
    *ret = level;
    return PX_OK;
}

enum px_code px_registry_set_level(struct px_registry *r, const char *subject, const char *level,
                                   struct px_err *reterr) {
    enum px_code rc = path(r, "/config/", subject, "", reterr);
    if (rc) {
        return rc;
    }
    struct px_jsonw w = px_jsonw_on(&r->body);
    px_jw_obj(&w);
    px_jw_kc(&w, "compatibility", level);
    px_jw_obj_end(&w);
    return ask(r, "PUT", reterr);
}

bool px_registry_level_good(const struct px_registry_level *l) {
    static const char *const good[] = {"FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"};
    for (size_t i = 0; i < PX_ARRAY_LEN(good); i++) {
        if (strcmp(l->name, good[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Confluent answers with a list of messages, Apicurio with a reason. */
static struct px_str why_not(const struct px_registry *r) {
    struct px_str s = px_json_text(answer(r, "reason"));
    const struct px_jnode *messages = answer(r, "messages");
    if (!s.p && px_json_first(messages)) {
        s = px_json_text(px_json_first(messages));
    }
    return s.p ? s : PX_S("no reason given");
}

enum px_code px_registry_check(struct px_registry *r, const char *subject, struct px_str schema,
                               struct px_err *reterr) {
    enum px_code rc =
        path(r, "/compatibility/subjects/", subject, "/versions/latest?verbose=true", reterr);
    if (rc == PX_OK) {
        put_schema(r, schema);
        rc = ask(r, "POST", reterr);
    }
    if (rc) {
        return rc;
    }
    const struct px_jnode *yes = answer(r, "is_compatible");
    if (!yes || px_json_type(yes) != PX_JSON_BOOL) {
        return no_member("is_compatible", reterr);
    }
    return px_json_bool(yes) ? PX_OK : PX_FAIL(reterr, PX_SCHEMA, "%.*s", PX_S_ARG(why_not(r)));
}

enum px_code px_registry_add(struct px_registry *r, const char *subject, struct px_str schema,
                             uint32_t *ret_id, struct px_err *reterr) {
    enum px_code rc = path(r, "/subjects/", subject, "/versions", reterr);
    if (rc == PX_OK) {
        put_schema(r, schema);
        rc = ask(r, "POST", reterr);
    }
    if (rc) {
        return rc;
    }
    return get_u32(r, "id", ret_id) ? PX_OK : no_member("id", reterr);
}

enum px_code px_registry_ping(struct px_registry *r, struct px_err *reterr) {
    snprintf(r->path, sizeof r->path, "/subjects");
    px_buf_reset(&r->body);
    enum px_code rc = ask(r, "GET", reterr);
    return rc == PX_NOT_FOUND ? PX_OK : rc;
}
