/* The request gate, driven with raw bytes over a socket: what is refused, with which status, how
 * many answers a stretch of bytes gets, and whether the connection survives. */
#include "http_rig.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum end {
    OPEN,
    CLOSED
};
struct row {
    const char *name;
    struct px_str bytes;
    const char *want; /* statuses in order: "200 200" */
    enum end end;
};

#define H     "Host: a\r\n"
#define CL(n) "Content-Length: " n "\r\n"
#define TE    "Transfer-Encoding: chunked\r\n"
#define ROW(name, bytes, want, end)                                                                \
    { name, PX_S_INIT(bytes), want, end }
#define GET(fields)        "GET /ok HTTP/1.1\r\n" fields "\r\n"
#define POST(fields, body) "POST /echo HTTP/1.1\r\n" fields "\r\n" body
#define SMUGGLED           "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

static const struct row rows[] = {
    /* --- what must work --- */
    ROW("plain GET", GET(H), "200", OPEN),
    ROW("GET without fields, 1.0", "GET /ok HTTP/1.0\r\n\r\n", "200", CLOSED),
    ROW("1.0 with keep-alive", "GET /ok HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200", OPEN),
    ROW("1.0 with Host", "GET /ok HTTP/1.0\r\n" H "\r\n", "200", CLOSED),
    ROW("Connection: close", GET(H "Connection: close\r\n"), "200", CLOSED),
    ROW("Connection: Close, keep-alive", GET(H "Connection: Close, keep-alive\r\n"), "200", CLOSED),
    ROW("Connection: a, ,close", GET(H "Connection: a, ,close\r\n"), "200", CLOSED),
    ROW("Connection twice", GET(H "Connection: x\r\nConnection: close\r\n"), "200", CLOSED),
    ROW("Connection: closed is a name", GET(H "Connection: closed\r\n"), "200", OPEN),
    ROW("two requests", GET(H) GET(H), "200 200", OPEN),
    ROW("close ends the pipeline", GET(H "Connection: close\r\n") GET(H), "200", CLOSED),
    ROW("POST with body", POST(H CL("5"), "hello"), "200", OPEN),
    ROW("POST without body", POST(H, ""), "200", OPEN),
    ROW("POST CL 0", POST(H CL("0"), ""), "200", OPEN),
    ROW("POST CL with zeros", POST(H CL("0005"), "hello"), "200", OPEN),
    ROW("POST then GET", POST(H CL("5"), "hello") GET(H), "200 200", OPEN),
    ROW("POST chunked", POST(H TE, "5\r\nhello\r\n0\r\n\r\n"), "200", OPEN),
    ROW("chunked then GET", POST(H TE, "5\r\nhello\r\n0\r\n\r\n") GET(H), "200 200", OPEN),
    ROW("many chunks", POST(H TE, "1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n"), "200", OPEN),
    ROW("chunk size in capitals", POST(H TE, "A\r\n0123456789\r\n0\r\n\r\n"), "200", OPEN),
    ROW("chunk size with zeros", POST(H TE, "005\r\nhello\r\n000\r\n\r\n"), "200", OPEN),
    ROW("chunked, empty", POST(H TE, "0\r\n\r\n"), "200", OPEN),
    ROW("Chunked in capitals", POST(H "Transfer-Encoding: CHUNKED\r\n", "0\r\n\r\n"), "200", OPEN),
    ROW("TE field name in capitals", POST(H "TRANSFER-ENCODING: chunked\r\n", "0\r\n\r\n"), "200",
        OPEN),
    ROW("chunked, blanks around", POST(H "Transfer-Encoding: \t chunked \t\r\n", "0\r\n\r\n"),
        "200", OPEN),
    ROW("no blank after colon", "GET /ok HTTP/1.1\r\nHost:a\r\n\r\n", "200", OPEN),
    ROW("blanks around Host", "GET /ok HTTP/1.1\r\nHost: \t a \t \r\n\r\n", "200", OPEN),
    ROW("Host with port", "GET /ok HTTP/1.1\r\nHost: a.example:8080\r\n\r\n", "200", OPEN),
    ROW("Host with empty port", "GET /ok HTTP/1.1\r\nHost: a:\r\n\r\n", "200", OPEN),
    ROW("Host IPv6", "GET /ok HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", "200", OPEN),
    ROW("Host with underscore", "GET /ok HTTP/1.1\r\nHost: my_service\r\n\r\n", "200", OPEN),
    ROW("one empty line before", "\r\n" GET(H), "200", OPEN),
    ROW("empty line between", POST(H CL("5"), "hello") "\r\n" GET(H), "200 200", OPEN),
    ROW("empty value", GET(H "X:\r\n"), "200", OPEN),
    ROW("tab inside a value", GET(H "X: a\tb\r\n"), "200", OPEN),
    ROW("obs-text in a value", GET(H "X: \xe9\xff\r\n"), "200", OPEN),
    ROW("query", "GET /query?a=1&b=?/ HTTP/1.1\r\n" H "\r\n", "200", OPEN),
    ROW("not found", "GET /nowhere HTTP/1.1\r\n" H "\r\n", "404", OPEN),
    ROW("unusual method", "PROPFIND /ok HTTP/1.1\r\n" H "\r\n", "200", OPEN),
    ROW("PUT with body", "PUT /echo HTTP/1.1\r\n" H CL("2") "\r\nab", "200", OPEN),
    ROW("PATCH with body", "PATCH /echo HTTP/1.1\r\n" H CL("2") "\r\nab", "200", OPEN),
    ROW("GET with CL 0", GET(H CL("0")), "200", OPEN),
    ROW("Upgrade is ignored", GET(H "Upgrade: h2c\r\nConnection: Upgrade\r\n"), "200", OPEN),
    ROW("204", "GET /none HTTP/1.1\r\n" H "\r\n" GET(H), "204 200", OPEN),
    ROW("program closes", "GET /close HTTP/1.1\r\n" H "\r\n" GET(H), "200", CLOSED),
    ROW("Expect on GET", GET(H "Expect: 100-continue\r\n"), "200", OPEN),
    ROW("Expect, body at hand", POST(H CL("2") "Expect: 100-continue\r\n", "ab"), "200", OPEN),
    ROW("Expect of 1.0", "POST /echo HTTP/1.0\r\n" CL("2") "Expect: 100-continue\r\n\r\nab", "200",
        CLOSED),

    /* --- Content-Length --- */
    ROW("CL twice, different", POST(H CL("0") CL("40"), SMUGGLED), "400", CLOSED),
    ROW("CL twice, different, reversed", POST(H CL("40") CL("0"), SMUGGLED), "400", CLOSED),
    ROW("CL twice, same", POST(H CL("5") CL("5"), "hello"), "400", CLOSED),
    ROW("CL list", POST(H CL("5, 5"), "hello"), "400", CLOSED),
    ROW("CL +5", POST(H CL("+5"), "hello"), "400", CLOSED),
    ROW("CL -5", POST(H CL("-5"), "hello"), "400", CLOSED),
    ROW("CL -0", POST(H CL("-0"), SMUGGLED), "400", CLOSED),
    ROW("CL 0x5", POST(H CL("0x5"), "hello"), "400", CLOSED),
    ROW("CL 5 5", POST(H CL("5 5"), "hello"), "400", CLOSED),
    ROW("CL 5.0", POST(H CL("5.0"), "hello"), "400", CLOSED),
    ROW("CL 5e0", POST(H CL("5e0"), "hello"), "400", CLOSED),
    ROW("CL 1_0", POST(H CL("1_0"), "hello"), "400", CLOSED),
    ROW("CL empty", POST(H CL(""), "hello"), "400", CLOSED),
    ROW("CL blank", POST(H CL("   "), "hello"), "400", CLOSED),
    ROW("CL quoted", POST(H CL("\"5\""), "hello"), "400", CLOSED),
    ROW("CL text", POST(H CL("five"), "hello"), "400", CLOSED),
    ROW("CL full-width digit", POST(H CL("\xef\xbc\x95"), "hello"), "400", CLOSED),
    ROW("CL 20 digits", POST(H CL("18446744073709551616"), "hello"), "400", CLOSED),
    ROW("CL 2^64-1", POST(H CL("18446744073709551615"), "hello"), "400", CLOSED),
    ROW("CL 40 digits", POST(H CL("0000000000000000000000000000000000000005"), "hello"), "400",
        CLOSED),
    ROW("CL blank before colon", POST(H "Content-Length : 5\r\n", "hello"), "400", CLOSED),
    ROW("CL tab before colon", POST(H "Content-Length\t: 5\r\n", "hello"), "400", CLOSED),
    ROW("CL with NUL", POST(H "Content-Length: 5\0\r\n", "hello"), "400", CLOSED),
    ROW("CL vertical tab", POST(H "Content-Length: \v5\r\n", "hello"), "400", CLOSED),
    ROW("CL huge", POST(H CL("999999999999"), ""), "413", CLOSED),
    ROW("CL just over", POST(H CL("262145"), "hello"), "413", CLOSED),

    /* --- Transfer-Encoding --- */
    ROW("TE and CL", POST(H TE CL("5"), "0\r\n\r\n" SMUGGLED), "400", CLOSED),
    ROW("CL and TE", POST(H CL("5") TE, "0\r\n\r\n" SMUGGLED), "400", CLOSED),
    ROW("CL 0 and TE", POST(H CL("0") TE, "0\r\n\r\n" SMUGGLED), "400", CLOSED),
    ROW("TE xchunked", POST(H "Transfer-Encoding: xchunked\r\n", SMUGGLED), "400", CLOSED),
    ROW("TE chunkedx", POST(H "Transfer-Encoding: chunkedx\r\n", SMUGGLED), "400", CLOSED),
    ROW("TE xchunked and CL", POST(H "Transfer-Encoding: xchunked\r\n" CL("5"), "hello"), "400",
        CLOSED),
    ROW("TE chunked, chunked", POST(H "Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
        "400", CLOSED),
    ROW("TE twice", POST(H TE TE, "0\r\n\r\n"), "400", CLOSED),
    ROW("TE chunked, then identity", POST(H TE "Transfer-Encoding: identity\r\n", "0\r\n\r\n"),
        "400", CLOSED),
    ROW("TE gzip, chunked", POST(H "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "400",
        CLOSED),
    ROW("TE gzip", POST(H "Transfer-Encoding: gzip\r\n", ""), "400", CLOSED),
    ROW("TE identity", POST(H "Transfer-Encoding: identity\r\n", SMUGGLED), "400", CLOSED),
    ROW("TE empty", POST(H "Transfer-Encoding:\r\n", SMUGGLED), "400", CLOSED),
    ROW("TE comma", POST(H "Transfer-Encoding: ,chunked\r\n", "0\r\n\r\n"), "400", CLOSED),
    ROW("TE quoted", POST(H "Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), "400", CLOSED),
    ROW("TE with parameter", POST(H "Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"), "400",
        CLOSED),
    ROW("TE blank before colon", POST(H "Transfer-Encoding : chunked\r\n" CL("5"), "0\r\n\r\n"),
        "400", CLOSED),
    ROW("TE tab before colon", POST(H "Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"), "400",
        CLOSED),
    ROW("TE vertical tab", POST(H "Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"), "400", CLOSED),
    ROW("TE form feed behind", POST(H "Transfer-Encoding: chunked\f\r\n", "0\r\n\r\n"), "400",
        CLOSED),
    ROW("TE folded", POST(H "Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), "400", CLOSED),
    ROW("TE in 1.0", "POST /echo HTTP/1.0\r\n" TE "\r\n0\r\n\r\n", "400", CLOSED),
    ROW("TE with obs-text", POST(H "Transfer-Encoding: chunked\xa0\r\n", "0\r\n\r\n"), "400",
        CLOSED),

    /* --- chunks --- */
    ROW("chunk 0x5", POST(H TE, "0x5\r\nhello\r\n0\r\n\r\n"), "400", CLOSED),
    ROW("chunk +5", POST(H TE, "+5\r\nhello\r\n0\r\n\r\n"), "400", CLOSED),
    ROW("chunk -1", POST(H TE, "-1\r\nhello\r\n0\r\n\r\n"), "400", CLOSED),
    ROW("chunk blank before", POST(H TE, " 5\r\nhello\r\n0\r\n\r\n"), "400", CLOSED),
    ROW("chunk blank behind", POST(H TE, "5 \r\nhello\r\n0\r\n\r\n"), "400", CLOSED),
    ROW("chunk extension", POST(H TE, "5;a=b\r\nhello\r\n0\r\n\r\n"), "400", CLOSED),
    ROW("chunk extension, empty", POST(H TE, "5;\r\nhello\r\n0\r\n\r\n"), "400", CLOSED),
    ROW("extension on the last chunk", POST(H TE, "0;a\r\n\r\n"), "400", CLOSED),
    ROW("chunk 5g", POST(H TE, "5g\r\nhello\r\n0\r\n\r\n"), "400", CLOSED),
    ROW("chunk size empty", POST(H TE, "\r\nhello\r\n0\r\n\r\n"), "400", CLOSED),
    ROW("chunk size bare LF", POST(H TE, "5\nhello\r\n0\r\n\r\n"), "400", CLOSED),
    ROW("chunk size bare CR", POST(H TE, "5\rhello\r\n0\r\n\r\n"), "400", CLOSED),
    ROW("chunk data bare LF", POST(H TE, "5\r\nhello\n0\r\n\r\n"), "400", CLOSED),
    ROW("chunk data too long", POST(H TE, "5\r\nhello!\r\n0\r\n\r\n"), "400", CLOSED),
    ROW("chunk data too short", POST(H TE, "5\r\nhell\r\n0\r\n\r\n"), "400", CLOSED),
    ROW("chunk size 17 digits", POST(H TE, "10000000000000005\r\nhello\r\n0\r\n\r\n"), "400",
        CLOSED),
    ROW("chunk size 9 digits", POST(H TE, "000000005\r\nhello\r\n0\r\n\r\n"), "400", CLOSED),
    ROW("chunk size NUL", POST(H TE, "5\0\r\nhello\r\n0\r\n\r\n"), "400", CLOSED),
    ROW("trailer", POST(H TE, "0\r\nX: y\r\n\r\n"), "400", CLOSED),
    ROW("trailer CL", POST(H TE, "0\r\nContent-Length: 5\r\n\r\n"), "400", CLOSED),
    ROW("last chunk bare LF", POST(H TE, "0\r\n\n" SMUGGLED), "400", CLOSED),
    ROW("chunk over the limit", POST(H TE, "40001\r\n"), "413", CLOSED),
    ROW("chunk far over the limit", POST(H TE, "ffffffff\r\n"), "413", CLOSED),

    /* --- line ends, controls, folding, names --- */
    ROW("bare LF everywhere", "GET /ok HTTP/1.1\nHost: a\n\n", "400", CLOSED),
    ROW("bare LF behind the request line", "GET /ok HTTP/1.1\nHost: a\r\n\r\n", "400", CLOSED),
    ROW("bare LF behind a field", "GET /ok HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", "400", CLOSED),
    ROW("bare LF ends the head", "GET /ok HTTP/1.1\r\nHost: a\r\n\n", "400", CLOSED),
    ROW("bare CR in a value", GET(H "X: a\rb\r\n"), "400", CLOSED),
    ROW("bare CR hides a field", GET(H "X: a\rTransfer-Encoding: chunked\r\n"), "400", CLOSED),
    ROW("bare CR before CRLF", GET(H "X: a\r\r\n"), "400", CLOSED),
    ROW("bare CR in the line", "GET /ok\r HTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("CR CR LF ends the head", "GET /ok HTTP/1.1\r\n" H "\r\r\n", "400", CLOSED),
    ROW("LF before the request", "\n" GET(H), "400", CLOSED),
    ROW("two empty lines before", "\r\n\r\n" GET(H), "400", CLOSED),
    ROW("NUL in a value", GET(H "X: a\0b\r\n"), "400", CLOSED),
    ROW("NUL in a name", GET(H "X\0Y: a\r\n"), "400", CLOSED),
    ROW("NUL in the target", "GET /o\0k HTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("DEL in a value", GET(H "X: a\x7f\r\n"), "400", CLOSED),
    ROW("ESC in a value", GET(H "X: \x1b[2J\r\n"), "400", CLOSED),
    ROW("obs-fold blank", GET(H "X: a\r\n b\r\n"), "400", CLOSED),
    ROW("obs-fold tab", GET(H "X: a\r\n\tb\r\n"), "400", CLOSED),
    ROW("fold before the first field", "GET /ok HTTP/1.1\r\n Host: a\r\n\r\n", "400", CLOSED),
    ROW("folded line of blanks", GET(H "X: a\r\n \r\n"), "400", CLOSED),
    ROW("blank before colon", "GET /ok HTTP/1.1\r\nHost : a\r\n\r\n", "400", CLOSED),
    ROW("no colon", GET(H "X\r\n"), "400", CLOSED),
    ROW("empty name", GET(H ": x\r\n"), "400", CLOSED),
    ROW("blank in a name", GET(H "X Y: x\r\n"), "400", CLOSED),
    ROW("bracket in a name", GET(H "X(Y): x\r\n"), "400", CLOSED),
    ROW("slash in a name", GET(H "X/Y: x\r\n"), "400", CLOSED),
    ROW("obs-text in a name", GET(H "X\xe9: x\r\n"), "400", CLOSED),
    ROW("quote in a name", GET(H "\"X\": x\r\n"), "400", CLOSED),

    /* --- Host --- */
    ROW("no Host", GET(""), "400", CLOSED),
    ROW("two Hosts", GET(H "Host: b\r\n"), "400", CLOSED),
    ROW("two equal Hosts", GET(H H), "400", CLOSED),
    ROW("two Hosts in 1.0", "GET /ok HTTP/1.0\r\n" H H "\r\n", "400", CLOSED),
    ROW("empty Host", GET("Host:\r\n"), "400", CLOSED),
    ROW("Host with path", GET("Host: a/b\r\n"), "400", CLOSED),
    ROW("Host with user", GET("Host: u@a\r\n"), "400", CLOSED),
    ROW("Host list", GET("Host: a, b\r\n"), "400", CLOSED),
    ROW("Host with blank", GET("Host: a b\r\n"), "400", CLOSED),
    ROW("Host bad port", GET("Host: a:8x\r\n"), "400", CLOSED),
    ROW("Host port too large", GET("Host: a:65536\r\n"), "400", CLOSED),
    ROW("Host two ports", GET("Host: a:1:2\r\n"), "400", CLOSED),
    ROW("Host only port", GET("Host: :80\r\n"), "400", CLOSED),
    ROW("Host open bracket", GET("Host: [::1\r\n"), "400", CLOSED),
    ROW("Host empty brackets", GET("Host: []\r\n"), "400", CLOSED),
    ROW("Host obs-text", GET("Host: \xe9\r\n"), "400", CLOSED),

    /* --- request line --- */
    ROW("absolute-form", "GET http://a/ok HTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("authority-form", "CONNECT a:443 HTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("asterisk", "OPTIONS * HTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("relative target", "GET ok HTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("empty target", "GET  HTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("blank in target", "GET /o k HTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("two blanks", "GET  /ok HTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("two blanks before version", "GET /ok  HTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("tab as separator", "GET\t/ok\tHTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("blank behind version", "GET /ok HTTP/1.1 \r\n" H "\r\n", "400", CLOSED),
    ROW("blank before method", " GET /ok HTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("fragment", "GET /ok#x HTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("raw UTF-8 in target", "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("lower-case method", "get /ok HTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("unknown method", "FROB /ok HTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("method with bracket", "G(T /ok HTTP/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("HTTP/0.9", "GET /ok\r\n", "400", CLOSED),
    ROW("HTTP/0.9 spelled", "GET /ok HTTP/0.9\r\n" H "\r\n", "505", CLOSED),
    ROW("HTTP/1.2", "GET /ok HTTP/1.2\r\n" H "\r\n", "505", CLOSED),
    ROW("HTTP/2.0", "GET /ok HTTP/2.0\r\n" H "\r\n", "505", CLOSED),
    ROW("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505", CLOSED),
    ROW("HTTP/11", "GET /ok HTTP/11\r\n" H "\r\n", "400", CLOSED),
    ROW("HTTP/1.10", "GET /ok HTTP/1.10\r\n" H "\r\n", "400", CLOSED),
    ROW("HTTP/01.1", "GET /ok HTTP/01.1\r\n" H "\r\n", "400", CLOSED),
    ROW("http/1.1", "GET /ok http/1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("HTTP /1.1", "GET /ok HTTP /1.1\r\n" H "\r\n", "400", CLOSED),
    ROW("RTSP", "OPTIONS /ok RTSP/1.0\r\n" H "\r\n", "400", CLOSED),
    ROW("TLS client hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", "400", CLOSED),

    /* --- bodies where none belong, expectations --- */
    ROW("GET with body", GET(H CL("40")) SMUGGLED, "400", CLOSED),
    ROW("GET chunked", GET(H TE) "0\r\n\r\n", "400", CLOSED),
    ROW("HEAD with body", "HEAD /ok HTTP/1.1\r\n" H CL("40") "\r\n" SMUGGLED, "400", CLOSED),
    ROW("DELETE with body", "DELETE /ok HTTP/1.1\r\n" H CL("2") "\r\nab", "400", CLOSED),
    ROW("OPTIONS with body", "OPTIONS /ok HTTP/1.1\r\n" H CL("2") "\r\nab", "400", CLOSED),
    ROW("Expect: other", POST(H CL("2") "Expect: 200-ok\r\n", "ab"), "417", CLOSED),
    ROW("Expect empty", POST(H CL("2") "Expect:\r\n", "ab"), "417", CLOSED),
    ROW("Expect list", POST(H CL("2") "Expect: 100-continue, x\r\n", "ab"), "417", CLOSED),
    ROW("refused after a good one", GET(H) GET(""), "200 400", CLOSED),
    ROW("nothing behind a refusal", GET("") GET(H) GET(H), "400", CLOSED),
    ROW("smuggling in the third", GET(H) GET(H) POST(H CL("1") CL("2"), "ab"), "200 200 400",
        CLOSED),
};

/* The sentinel shows two things at once: that the connection lives and that no answer was left. */
static void check_end(struct raw *c, const struct row *row) {
    struct raw_answer a;
    if (row->end == CLOSED) {
        raw_ended(c);
        return;
    }
    raw_send(c, PX_S("GET /query?sentinel HTTP/1.1\r\nHost: a\r\n\r\n"));
    if (!raw_next(c, false, &a, NULL) || strcmp(a.body, "sentinel") != 0) {
        fail_msg("%s: the connection should still be open", row->name);
    }
}

static void check_refusal(const struct row *row, const struct raw_answer *a) {
    if (!strstr(a->head, "\r\nConnection: close\r\n") || !strstr(a->head, "\r\nX-Error-Code: ")) {
        fail_msg("%s: a refusal says close and why: %s", row->name, a->head);
    }
}

static void check_row(struct rig *g, const struct row *row, bool bytewise) {
    struct raw c;
    struct raw_answer a;
    char got[64] = "";
    bool head = px_str_starts(row->bytes, PX_S("HEAD "));
    size_t n = 0, want = strlen(row->want);
    raw_open(&c, g->port);
    for (size_t i = 0; bytewise && i < row->bytes.n; i++) {
        raw_send(&c, (struct px_str){.p = row->bytes.p + i, .n = 1});
    }
    if (!bytewise) {
        raw_send(&c, row->bytes);
    }
    while (n < want && raw_next(&c, head, &a, NULL)) {
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%d", n ? " " : "", a.status);
        if (a.status >= 400 && a.status != 404) {
            check_refusal(row, &a);
        }
    }
    if (strcmp(got, row->want) != 0) {
        fail_msg("%s: wanted %s, got %s", row->name, row->want, got);
    }
    check_end(&c, row);
    raw_close(&c);
}

static int set_up(void **state) {
    static struct rig rig;
    rig_start(&rig, NULL);
    *state = &rig;
    return 0;
}

static int tear_down(void **state) {
    rig_stop(*state);
    return 0;
}

static void test_gate_answers_each_row(void **state) {
    struct rig *g = *state;
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        check_row(g, &rows[i], false);
    }
}

static void test_gate_answers_alike_byte_by_byte(void **state) {
    struct rig *g = *state;
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        check_row(g, &rows[i], true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gate_answers_each_row),
        cmocka_unit_test(test_gate_answers_alike_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
