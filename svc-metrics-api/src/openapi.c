/* The OpenAPI 3.1 document, rendered from the endpoint table: a route that is not described cannot
 * exist. Pure. */
#include "service.h"

#include <stdio.h>

static void raw(struct px_jsonw *w, const char *key, const char *json) {
    px_jw_key(w, key);
    px_jw_raw(w, px_str_c(json));
}

static void parameter(struct px_jsonw *w, const char *name, const char *in, bool required,
                      const char *doc, const char *schema) {
    px_jw_obj(w);
    px_jw_kc(w, "name", name);
    px_jw_kc(w, "in", in);
    px_jw_kbool(w, "required", required);
    px_jw_kc(w, "description", doc);
    raw(w, "schema", schema);
    px_jw_obj_end(w);
}

static void parameters(struct px_jsonw *w, const struct api_endpoint *ep,
                       const struct api_conf *conf) {
    px_jw_key(w, "parameters");
    px_jw_arr(w);
    if (ep->path_param) {
        parameter(w, ep->path_param, "path", true, ep->path_doc, "{\"type\":\"string\"}");
    }
    if (ep->takes & API_TAKES_RANGE) {
        const char *schema = "{\"type\":\"string\",\"examples\":[\"2026-11-21\"]}";

        parameter(w, "startDate", "query", false,
                  "First day (inclusive), or an RFC 3339 instant for grain=hour and minute. "
                  "Required; `from` is an alias.",
                  schema);
        parameter(w, "endDate", "query", false,
                  "Last day (inclusive), or an instant (exclusive). Required; `to` is an alias.",
                  schema);
        parameter(w, "from", "query", false, "Alias of startDate.", schema);
        parameter(w, "to", "query", false, "Alias of endDate.", schema);
    }
    if (ep->takes & API_TAKES_GRAIN) {
        parameter(
            w, "grain", "query", false, "Length of a bucket.",
            "{\"type\":\"string\",\"enum\":[\"day\",\"hour\",\"minute\"],\"default\":\"day\"}");
    }
    if (ep->takes & API_TAKES_TRAFFIC) {
        parameter(w, "traffic", "query", false,
                  "What is counted: everything, or what persons caused (grain=day only). "
                  "`meta.traffic` tells what was left out.",
                  "{\"type\":\"string\",\"enum\":[\"all\",\"human\"],\"default\":\"all\"}");
    }
    if (ep->takes & API_TAKES_PAGE) {
        char limit[96];

        snprintf(limit, sizeof(limit),
                 "{\"type\":\"integer\",\"minimum\":1,\"maximum\":%d,\"default\":%d}",
                 (int)conf->page_max, (int)conf->page_default);
        parameter(w, "limit", "query", false, "Entries per page; totals always cover the range.",
                  limit);
        parameter(w, "cursor", "query", false, "page.nextCursor of the page before.",
                  "{\"type\":\"string\"}");
    }
    px_jw_arr_end(w);
}

static void responses(struct px_jsonw *w, const struct api_endpoint *ep) {
    px_jw_key(w, "responses");
    px_jw_obj(w);
    px_jw_key(w, "200");
    px_jw_raw(w,
              PX_S("{\"description\":\"The numbers and how fresh they are.\",\"content\":{"
                   "\"application/json\":{\"schema\":{\"type\":\"object\",\"required\":[\"data\","
                   "\"meta\"],\"properties\":{\"data\":"));
    /* px_jw_raw writes what it is given: the schema of `data` belongs between the two halves */
    px_buf_c(w->out, ep->data_schema);
    px_buf_c(w->out, ",\"meta\":{\"$ref\":\"#/components/schemas/Meta\"}");
    if (ep->takes & API_TAKES_PAGE) {
        px_buf_c(w->out, ",\"page\":{\"$ref\":\"#/components/schemas/Page\"}");
    }
    px_buf_c(w->out, "}}}}}");
    raw(w, "400", "{\"$ref\":\"#/components/responses/Problem\"}");
    if (ep->check && ep->path_param) {
        raw(w, "404", "{\"$ref\":\"#/components/responses/Problem\"}");
    }
    raw(w, "503", "{\"$ref\":\"#/components/responses/Problem\"}");
    raw(w, "504", "{\"$ref\":\"#/components/responses/Problem\"}");
    px_jw_obj_end(w);
}

static void components(struct px_jsonw *w) {
    raw(w, "components",
        "{\"schemas\":{\"Meta\":{\"type\":\"object\",\"properties\":{\"range\":{\"type\":"
        "\"object\","
        "\"properties\":{\"startDate\":{\"type\":\"string\"},\"endDate\":{\"type\":\"string\"}}},"
        "\"grain\":{\"type\":\"string\"},\"tz\":{\"type\":\"string\",\"description\":\"zone that "
        "cuts "
        "the "
        "days\"},\"asOf\":{\"type\":\"string\",\"format\":\"date-time\"},\"watermark\":{\"type\":"
        "[\"string\",\"null\"],\"format\":\"date-time\",\"description\":\"every event "
        "acknowledged before it is in the "
        "numbers\"},\"complete\":{\"type\":\"boolean\",\"description\":\"the "
        "watermark "
        "has passed the end of the range\"},\"lagSeconds\":{\"type\":[\"number\",\"null\"]},"
        "\"revision\":{\"type\":\"integer\",\"description\":\"grows with every commit\"},"
        "\"traffic\":{\"type\":\"object\",\"description\":\"where the endpoint takes traffic\","
        "\"properties\":{\"mode\":{\"type\":\"string\",\"enum\":[\"all\",\"human\"]},\"excluded\":{"
        "\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"},\"description\":"
        "\"mode human: counted events that were left out, by class\"},\"unclassified\":{\"type\":"
        "\"integer\",\"description\":\"mode human: events in the numbers that nobody "
        "classified\"}}}}},"
        "\"Page\":{\"type\":\"object\",\"properties\":{\"limit\":{\"type\":\"integer\"},"
        "\"hasMore\":{"
        "\"type\":\"boolean\"},\"nextCursor\":{\"type\":[\"string\",\"null\"]}}},"
        "\"Problem\":{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"},\"title\":"
        "{"
        "\"type\":\"string\"},\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},"
        "\"instance\":{\"type\":\"string\"},\"retryable\":{\"type\":\"boolean\"},\"errors\":{"
        "\"type\":"
        "\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"field\":{\"type\":\"string\"},"
        "\"code\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"}}}}}}},"
        "\"responses\":{\"Problem\":{\"description\":\"What is wrong and whether trying again "
        "helps (RFC 9457).\",\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
        "\"#/components/schemas/Problem\"}}}}}}");
}

void api_openapi(const struct api_conf *conf, struct px_buf *out) {
    struct px_jsonw w = px_jsonw_on(out);
    size_t n;
    const struct api_endpoint *list = api_endpoints(&n);

    px_jw_obj(&w);
    px_jw_kc(&w, "openapi", "3.1.0");
    px_jw_key(&w, "info");
    px_jw_obj(&w);
    px_jw_kc(&w, "title", "pixel-analytics metrics");
    px_jw_kc(&w, "version", px_version());
    px_jw_kc(
        &w, "description",
        "Conversion, campaign and trend queries; each answer says how fresh and complete it is.");
    px_jw_obj_end(&w);
    px_jw_key(&w, "paths");
    px_jw_obj(&w);
    for (size_t i = 0; i < n; i++) {
        px_jw_key(&w, list[i].path);
        px_jw_obj(&w);
        px_jw_key(&w, "get");
        px_jw_obj(&w);
        px_jw_kc(&w, "operationId", list[i].id);
        px_jw_kc(&w, "summary", list[i].summary);
        px_jw_kc(&w, "description", list[i].description);
        parameters(&w, &list[i], conf);
        responses(&w, &list[i]);
        px_jw_obj_end(&w);
        px_jw_obj_end(&w);
    }
    px_jw_obj_end(&w);
    components(&w);
    px_jw_obj_end(&w);
    px_buf_byte(out, '\n');
}
