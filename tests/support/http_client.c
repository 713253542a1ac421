/* A plain HTTP client for tests: see http_client.h. */
#include "http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int connect_to(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval limit = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void send_all(int fd, const char *p, size_t n) {
    while (n > 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

        if (k <= 0) {
            return; /* the answer, if any, is still read */
        }
        p += k;
        n -= (size_t)k;
    }
}

static void parse(struct http_answer *a, size_t n) {
    char *gap = strstr(a->raw, "\r\n\r\n");

    a->raw[n] = '\0';
    if (!gap || sscanf(a->raw, "HTTP/1.1 %d", &a->status) != 1) {
        a->status = 0;
        return;
    }
    gap[2] = '\0';
    a->head = a->raw;
    a->body = gap + 4;
    a->body_n = n - (size_t)(a->body - a->raw);
}

void http_ask(int port, const struct http_request *r, struct http_answer *ret) {
    int fd = connect_to(port);
    size_t n = 0;
    ssize_t k;
    char head[8192];

    *ret = (struct http_answer){.head = NULL};
    ret->raw = calloc(1, HTTP_ANSWER_MAX + 1);
    ret->head = ret->body = ret->raw;
    if (fd < 0 || !ret->raw) {
        return;
    }
    int m = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s",
                     r->method, r->target, r->fields ? r->fields : "");
    send_all(fd, head, (size_t)m);
    if (r->body) {
        size_t body_n = r->body_n ? r->body_n : strlen(r->body);
        m = snprintf(head, sizeof(head), "Content-Length: %zu\r\n\r\n", body_n);
        send_all(fd, head, (size_t)m);
        send_all(fd, r->body, body_n);
    } else if (r->method[0] == 'P') {
        send_all(fd, "Content-Length: 0\r\n\r\n", 21); /* POST, PUT and PATCH say so */
    } else {
        send_all(fd, "\r\n", 2);
    }
    while (n < HTTP_ANSWER_MAX && (k = recv(fd, ret->raw + n, HTTP_ANSWER_MAX - n, 0)) > 0) {
        n += (size_t)k;
    }
    close(fd);
    parse(ret, n);
}

void http_get(int port, const char *target, struct http_answer *ret) {
    struct http_request r = {.method = "GET", .target = target};

    http_ask(port, &r, ret);
}

void http_answer_fini(struct http_answer *a) {
    free(a->raw);
    *a = (struct http_answer){.head = NULL};
}

const char *http_field(const struct http_answer *a, const char *name, char *out, size_t cap) {
    size_t len = strlen(name);

    out[0] = '\0';
    for (const char *line = strstr(a->head, "\r\n"); line && line[2];
         line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':') {
            const char *v = line + 3 + len;
            const char *end = strstr(v, "\r\n");

            while (*v == ' ') {
                v++;
            }
            size_t n = end ? (size_t)(end - v) : strlen(v);
            n = n < cap ? n : cap - 1;
            memcpy(out, v, n);
            out[n] = '\0';
            break;
        }
    }
    return out;
}
