/* HTTP by libcurl: the only file that sees it. One connection, one request at a time, a deadline
 * for each, no redirects, no proxy, and an end to what a peer may send. */
#include "internal.h"

#include <curl/curl.h>
#include <stdio.h>

#include <px/mem.h>

struct px_curl {
    const struct px_registry_conf *conf;
    CURL *curl;
    struct curl_slist *headers;
    char trouble[CURL_ERROR_SIZE];
};

static size_t take(char *p, size_t size, size_t n, void *arg) {
    struct px_buf *out = arg;
    px_buf_add(out, p, size * n);
    return out->failed ? 0 : size * n; /* libcurl ends the transfer */
}

static enum px_code check_url(const struct px_registry_conf *conf, struct px_err *reterr) {
    CURLU *u = curl_url();
    char *scheme = NULL, *user = NULL, *query = NULL;
    enum px_code rc = PX_OK;

    if (!u) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the registry's address");
    }
    if (curl_url_set(u, CURLUPART_URL, conf->url, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
        rc = PX_FAIL(reterr, PX_CONFIG,
                     "SchemaRegistry:Url: give an http or https address, as "
                     "http://registry:8081");
    } else if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK) {
        rc = PX_FAIL(reterr, PX_CONFIG,
                     "SchemaRegistry:Url: holds a user; give SchemaRegistry:User and "
                     "SchemaRegistry:PasswordFile");
    } else if (curl_url_get(u, CURLUPART_QUERY, &query, 0) == CURLUE_OK) {
        rc = PX_FAIL(reterr, PX_CONFIG, "SchemaRegistry:Url: must not hold a query");
    }
    curl_free(scheme);
    curl_free(user);
    curl_free(query);
    curl_url_cleanup(u);
    return rc;
}

static bool set_up(struct px_curl *h) {
    const struct px_registry_conf *conf = h->conf;
    long ms = (long)(conf->timeout / PX_US_PER_MS);
    CURL *c = h->curl;
    CURLcode rc = CURLE_OK;

#define SET(option, value) rc = rc == CURLE_OK ? curl_easy_setopt(c, (option), (value)) : rc
    SET(CURLOPT_ERRORBUFFER, h->trouble);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_TIMEOUT_MS, ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, ms);
    SET(CURLOPT_HTTPHEADER, h->headers);
    SET(CURLOPT_WRITEFUNCTION, take);
    SET(CURLOPT_MAXFILESIZE, (long)PX_ANSWER_MAX);
    if (conf->user[0]) {
        SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        SET(CURLOPT_USERNAME, conf->user);
        SET(CURLOPT_PASSWORD, conf->password);
    }
    if (conf->ca_file[0]) {
        SET(CURLOPT_CAINFO, conf->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
#undef SET
    return rc == CURLE_OK;
}

enum px_code px_curl_open(const struct px_registry_conf *conf, struct px_curl **ret,
                          struct px_err *reterr) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return PX_FAIL(reterr, PX_NOMEM, "libcurl cannot be initialised");
    }
    enum px_code rc = check_url(conf, reterr);
    struct px_curl *h = rc ? NULL : px_alloc(sizeof *h);
    if (!h) {
        curl_global_cleanup();
        return rc ? rc : PX_FAIL(reterr, PX_NOMEM, "no memory for the registry's client");
    }
    h->conf = conf;
    h->curl = curl_easy_init();
    h->headers = curl_slist_append(NULL, "Content-Type: application/vnd.schemaregistry.v1+json");
    if (!h->curl || !h->headers || !set_up(h)) {
        px_curl_close(h);
        return PX_FAIL(reterr, PX_NOMEM, "libcurl gives no handle");
    }
    *ret = h;
    return PX_OK;
}

void px_curl_close(struct px_curl *h) {
    if (!h) {
        return;
    }
    curl_easy_cleanup(h->curl);
    curl_slist_free_all(h->headers);
    curl_global_cleanup();
    px_free(h);
}

/* More than we take of an answer that is a refusal anyway: its end does not change what it is. */
static bool only_too_long(const struct px_curl *h, CURLcode code, const struct px_buf *out,
                          long *ret_status) {
    bool cut = code == CURLE_FILESIZE_EXCEEDED || (code == CURLE_WRITE_ERROR && !out->nomem);
    return cut && curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, ret_status) == CURLE_OK &&
           *ret_status >= 300;
}

static enum px_code failed(const struct px_curl *h, CURLcode code, const struct px_buf *out,
                           struct px_err *reterr) {
    const char *why = h->trouble[0] ? h->trouble : curl_easy_strerror(code);
    switch ((int)code) {
    case CURLE_OPERATION_TIMEDOUT:
        return PX_FAIL(reterr, PX_TIMEOUT, "the registry does not answer: %.120s", why);
    case CURLE_SSL_CACERT_BADFILE:
        return PX_FAIL(reterr, PX_CONFIG, "SchemaRegistry:CaFile: %.120s", why);
    case CURLE_PEER_FAILED_VERIFICATION:
        return PX_FAIL(reterr, PX_CONFIG,
                       "the registry's certificate is not trusted (SchemaRegistry:CaFile): %.100s",
                       why);
    case CURLE_OUT_OF_MEMORY:
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a request to the registry");
    case CURLE_WRITE_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
        return out->failed && out->nomem
                   ? PX_FAIL(reterr, PX_NOMEM, "no memory for the registry's answer")
                   : PX_FAIL(reterr, PX_TOO_LARGE, "the registry answers with more than %d bytes",
                             PX_ANSWER_MAX);
    default:
        return PX_FAIL(reterr, PX_UNAVAILABLE, "the registry cannot be reached: %.120s", why);
    }
}

enum px_code px_curl_ask(struct px_curl *h, const struct px_ask *ask, long *ret_status,
                         struct px_buf *out, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf url = PX_BUF_INIT(8192);
    size_t n = strlen(h->conf->url);

    while (n > 0 && h->conf->url[n - 1] == '/') {
        n--;
    }
    px_buf_add(&url, h->conf->url, n);
    px_buf_c(&url, ask->path);
    enum px_code rc = px_buf_ok(&url, reterr);
    if (rc) {
        return rc;
    }
    h->trouble[0] = '\0';
    CURLcode code = curl_easy_setopt(h->curl, CURLOPT_URL, px_buf_cstr(&url));
#define SET(option, value)                                                                         \
    code = code == CURLE_OK ? curl_easy_setopt(h->curl, (option), (value)) : code
    SET(CURLOPT_WRITEDATA, out);
    SET(CURLOPT_HTTPGET, 1L); /* forgets the request before */
    if (ask->body.n) {
        SET(CURLOPT_POSTFIELDSIZE, (long)ask->body.n);
        SET(CURLOPT_POSTFIELDS, ask->body.p);
    }
    SET(CURLOPT_CUSTOMREQUEST, ask->method);
#undef SET
    code = code == CURLE_OK ? curl_easy_perform(h->curl) : code;
    if (only_too_long(h, code, out, ret_status)) {
        return PX_OK;
    }
    if (code != CURLE_OK) {
        return failed(h, code, out, reterr);
    }
    curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, ret_status);
    return PX_OK;
}
