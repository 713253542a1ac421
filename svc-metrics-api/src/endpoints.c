/* The list of endpoints: the one place where routes are named. A new endpoint is a row here and a
 * file ep_<name>.c with its load and write. */
#include "endpoint.h"

#define RATE_SCHEMA                                                                                \
    "{\"type\":\"object\",\"required\":[\"numerator\",\"denominator\",\"rate\"],\"properties\":{"  \
    "\"numerator\":{\"type\":\"integer\"},\"denominator\":{\"type\":\"integer\"},"                 \
    "\"rate\":{\"type\":[\"number\",\"null\"],\"description\":\"six decimals; null when the "      \
    "denominator is 0\"}}}"
#define FUNNEL_PROPERTIES                                                                          \
    "\"visits\":{\"type\":\"integer\"},\"registrations\":{\"type\":\"integer\"},"                  \
    "\"deposits\":{\"type\":\"integer\"},\"visitToRegistration\":" RATE_SCHEMA                     \
    ",\"registrationToDeposit\":" RATE_SCHEMA ",\"visitToDeposit\":" RATE_SCHEMA
#define BUCKET_PROPERTIES                                                                          \
    "\"date\":{\"type\":\"string\",\"format\":\"date\",\"description\":\"grain=day\"},"            \
    "\"time\":{\"type\":\"string\",\"format\":\"date-time\",\"description\":\"grain=hour and "     \
    "grain=minute: start of the bucket\"}"
#define FUNNEL_SERIES                                                                              \
    "\"series\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":"                \
    "{" BUCKET_PROPERTIES "," FUNNEL_PROPERTIES "}}}"

static const struct api_endpoint endpoints[] = {
    {
        .path = "/api/metrics/conversion-rates",
        .id = "getConversionRates",
        .summary = "Visits, registrations and deposits, and how one turns into the next",
        .description = "Rates are ratios of counts inside the range, so they may exceed 1.",
        .takes = API_TAKES_RANGE | API_TAKES_GRAIN | API_TAKES_TRAFFIC | API_TAKES_PAGE,
        .data_schema =
            "{\"type\":\"object\",\"properties\":{" FUNNEL_PROPERTIES "," FUNNEL_SERIES "}}",
        .load = api_load_conversion,
        .write = api_write_conversion,
    },
    {
        .path = "/api/metrics/campaigns/{bannerTag}",
        .id = "getCampaign",
        .summary = "The same funnel for one banner",
        .description = "A banner that was never seen is zeros, not an error.",
        .path_param = "bannerTag",
        .path_doc = "The banner tag, percent-encoded.",
        .takes = API_TAKES_RANGE | API_TAKES_GRAIN | API_TAKES_TRAFFIC | API_TAKES_PAGE,
        .data_schema = "{\"type\":\"object\",\"properties\":{\"bannerTag\":{\"type\":\"string\"}"
                       "," FUNNEL_PROPERTIES "," FUNNEL_SERIES "}}",
        .check = api_check_banner,
        .load = api_load_campaign,
        .write = api_write_campaign,
    },
    {
        .path = "/api/metrics/trends/{eventType}",
        .id = "getTrend",
        .summary = "One event type over time, and the change against the period before",
        .description = "`change` compares with the period of equal length right before the range.",
        .path_param = "eventType",
        .path_doc = "An event type of the catalog.",
        .takes = API_TAKES_RANGE | API_TAKES_GRAIN | API_TAKES_TRAFFIC | API_TAKES_PAGE,
        .data_schema =
            "{\"type\":\"object\",\"properties\":{\"eventType\":{\"type\":\"string\"},"
            "\"total\":{\"type\":\"integer\"},\"series\":{\"type\":\"array\",\"items\":{\"type\":"
            "\"object\",\"properties\":{" BUCKET_PROPERTIES ",\"count\":{\"type\":\"integer\"}}}},"
            "\"change\":{\"type\":\"object\",\"properties\":{\"previousTotal\":{\"type\":"
            "\"integer\"},\"absolute\":{\"type\":\"integer\"},\"relative\":{\"type\":[\"number\","
            "\"null\"]},\"direction\":{\"type\":\"string\",\"enum\":[\"up\",\"down\",\"flat\"]}}}}"
            "}",
        .check = api_check_type,
        .load = api_load_trends,
        .write = api_write_trends,
    },
    {
        .path = "/api/metrics",
        .id = "getDailyMetrics",
        .summary = "Counts per bucket and event type",
        .description = "Ordered by bucket, then by the catalog's order of types; zero-filled.",
        .takes = API_TAKES_RANGE | API_TAKES_GRAIN | API_TAKES_TRAFFIC | API_TAKES_PAGE,
        .data_schema =
            "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{" BUCKET_PROPERTIES
            ",\"eventType\":{\"type\":\"string\"},\"count\":{\"type\":\"integer\"}}}}",
        .load = api_load_daily,
        .write = api_write_daily,
    },
    {
        .path = "/api/metrics/traffic",
        .id = "getTraffic",
        .summary = "Counted events by class of traffic and reason",
        .description = "`total` is what the other endpoints count with traffic=all, `persons` what "
                       "they count with traffic=human, over all event types. The page cuts "
                       "`reasons`.",
        .takes = API_TAKES_RANGE | API_TAKES_PAGE,
        .data_schema =
            "{\"type\":\"object\",\"properties\":{\"total\":{\"type\":\"integer\"},\"persons\":{"
            "\"type\":\"integer\"},\"classes\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
            "\"properties\":{\"class\":{\"type\":\"string\"},\"person\":{\"type\":\"boolean\"},"
            "\"count\":{\"type\":\"integer\"}}}},\"reasons\":{\"type\":\"array\",\"items\":{"
            "\"type\":"
            "\"object\",\"properties\":{\"class\":{\"type\":\"string\"},\"reason\":{\"type\":["
            "\"string\",\"null\"]},\"count\":{\"type\":\"integer\"}}}}}}",
        .load = api_load_traffic,
        .write = api_write_traffic,
    },
    {
        .path = "/api/metrics/rollups/{name}",
        .id = "getRollup",
        .summary = "The rows of an aggregation declared in rollups.yaml without a table of its own",
        .description = "Ordered by bucket, then by dimensions; only stored rows, no zero-filling.",
        .path_param = "name",
        .path_doc = "Name of the row in schemas/rollups.yaml.",
        .takes = API_TAKES_RANGE | API_TAKES_PAGE,
        .data_schema =
            "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"time\":"
            "{\"type\":\"string\",\"format\":\"date-time\"},\"dimensions\":{\"type\":"
            "\"array\",\"items\":{\"type\":\"string\"}},\"value\":{\"type\":"
            "\"integer\"}}}}",
        .check = api_check_rollup,
        .load = api_load_rollup,
        .write = api_write_rollup,
    },
};

const struct api_endpoint *api_endpoints(size_t *ret_n) {
    *ret_n = PX_ARRAY_LEN(endpoints);
    return endpoints;
}
