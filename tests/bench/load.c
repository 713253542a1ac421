/* The client of the HTTP benchmarks: see load.h. One thread, epoll, no library, so that its own
 * cost is small and the same for every server. */
#include "load.h"
#include "bench.h"
#include "tls_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX  ((size_t)1 << 20)
#define SAMPLES_MAX ((size_t)1 << 20)
#define TURN_MAX    256

struct conn {
    int fd;
    SSL *ssl; /* NULL: without TLS */
    bool waiting;
    int64_t sent_at;
    size_t n; /* bytes of the answer so far */
    char *in;
};

struct load {
    const struct load_conf *conf;
    struct load_result *ret;
    struct conn *conns;
    int epoll;
    size_t next, waiting;
    struct conn **idle; /* at a given rate: who may send */
    size_t nidle;
    float *samples; /* us */
    size_t nsamples;
    bool over;
};

static int dial(int port) {
    const int one = 1;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a)) {
        bench_die("connect", strerror(errno));
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* The socket blocks: a record that has begun to arrive is waited for. */
static void shake_hands(struct conn *c) {
    const struct tls_rig_offer any = {.min = 0};
    c->ssl = tls_rig_client(c->fd, &any);
    if (SSL_do_handshake(c->ssl) != 1) {
        bench_die("TLS", "no handshake");
    }
}

static ssize_t put(struct conn *c, struct px_str r) {
    return c->ssl ? SSL_write(c->ssl, r.p, (int)r.n) : send(c->fd, r.p, r.n, MSG_NOSIGNAL);
}

static ssize_t get(struct conn *c) {
    return c->ssl ? SSL_read(c->ssl, c->in + c->n, (int)(ANSWER_MAX - c->n))
                  : recv(c->fd, c->in + c->n, ANSWER_MAX - c->n, 0);
}

static void ask(struct load *l, struct conn *c) {
    struct px_str r = l->conf->requests[l->next++ % l->conf->nrequests];
    c->sent_at = bench_wall();
    c->n = 0;
    if (put(c, r) != (ssize_t)r.n) {
        bench_die("send", strerror(errno));
    }
    c->waiting = true;
    l->waiting++;
}

/* Bytes of the whole answer, 0 while the head is not complete. */
static size_t answer_bytes(const struct conn *c) {
    static const char field[] = "content-length:";
    const char *end = memmem(c->in, c->n, "\r\n\r\n", 4);
    if (!end) {
        return 0;
    }
    size_t head = (size_t)(end - c->in) + 4;
    for (const char *p = c->in; p < end; p = (const char *)memchr(p, '\n', c->n) + 1) {
        if (strncasecmp(p, field, sizeof field - 1) == 0) {
            return head + strtoul(p + sizeof field - 1, NULL, 10);
        }
    }
    return head;
}

static void answered(struct load *l, struct conn *c) {
    bool ok = c->n > 12 && memcmp(c->in + 9, "200", 3) == 0;
    *(ok ? &l->ret->ok : &l->ret->other) += 1;
    if (!ok && l->ret->other == 1) {
        (void)fprintf(stderr, "bench: first answer that is not 200: %.*s\n",
                      (int)(c->n > 400 ? 400 : c->n), c->in);
    }
    if (l->nsamples < SAMPLES_MAX) {
        l->samples[l->nsamples++] = (float)(bench_wall() - c->sent_at) / 1000;
    }
    c->waiting = false;
    l->waiting--;
    if (l->conf->rate > 0) {
        l->idle[l->nidle++] = c;
    } else if (!l->over) {
        ask(l, c);
    }
}

static void readable(struct load *l, struct conn *c) {
    ssize_t n = get(c);
    if (n <= 0) {
        bench_die("the server closed a connection", n < 0 ? strerror(errno) : "end of stream");
    }
    c->n += (size_t)n;
    size_t whole = answer_bytes(c);
    if (whole && c->n >= whole) {
        answered(l, c);
    }
}

/* What is due by now; when all connections wait it comes later, never not at all. */
static void ask_due(struct load *l, int64_t from) {
    double due = l->conf->rate * (double)(bench_wall() - from) / 1e9;
    while (l->nidle > 0 && (double)l->next < due) {
        ask(l, l->idle[--l->nidle]);
    }
}

static void loop(struct load *l, int64_t from) {
    struct epoll_event ev[TURN_MAX];
    const bool paced = l->conf->rate > 0;
    int64_t heard = from;
    while (!l->over || l->waiting > 0) {
        int n = epoll_wait(l->epoll, ev, TURN_MAX, paced ? 1 : 1000);
        int64_t now = bench_wall();
        if (n < 0 || (l->waiting > 0 && n == 0 && now - heard > INT64_C(20000000000))) {
            bench_die("the server does not answer", n < 0 ? strerror(errno) : "20 s passed");
        }
        heard = n > 0 || l->waiting == 0 ? now : heard;
        l->over = now - from >= l->conf->ns;
        for (int i = 0; i < n; i++) {
            readable(l, ev[i].data.ptr);
        }
        if (paced && !l->over) {
            ask_due(l, from);
        }
    }
}

static void open_all(struct load *l) {
    for (size_t i = 0; i < l->conf->connections; i++) {
        struct conn *c = &l->conns[i];
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
        c->fd = dial(l->conf->port);
        if (l->conf->tls) {
            shake_hands(c);
        }
        c->in = malloc(ANSWER_MAX);
        if (!c->in || epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ev)) {
            bench_die("connections", strerror(errno));
        }
    }
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a;
    float y = *(const float *)b;
    return (x > y) - (x < y);
}

void load_run(const struct load_conf *conf, struct load_result *ret) {
    struct load l = {.conf = conf, .ret = ret, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    *ret = (struct load_result){.ok = 0};
    l.conns = calloc(conf->connections, sizeof *l.conns);
    l.idle = calloc(conf->connections, sizeof *l.idle);
    l.samples = malloc(SAMPLES_MAX * sizeof *l.samples);
    if (l.epoll < 0 || !l.conns || !l.idle || !l.samples) {
        bench_die("load", strerror(errno));
    }
    open_all(&l);
    int64_t from = bench_wall();
    int64_t cpu = conf->pid ? bench_cpu_of(conf->pid) : 0;
    for (size_t i = 0; i < conf->connections; i++) {
        if (conf->rate > 0) {
            l.idle[l.nidle++] = &l.conns[i];
        } else {
            ask(&l, &l.conns[i]);
        }
    }
    loop(&l, from);
    ret->wall = bench_wall() - from;
    ret->cpu = (conf->pid ? bench_cpu_of(conf->pid) : 0) - cpu;
    qsort(l.samples, l.nsamples, sizeof *l.samples, by_value);
    ret->p50 = (double)l.samples[l.nsamples / 2];
    ret->p95 = (double)l.samples[l.nsamples * 95 / 100];
    for (size_t i = 0; i < conf->connections; i++) {
        SSL_free(l.conns[i].ssl);
        (void)close(l.conns[i].fd);
        free(l.conns[i].in);
    }
    (void)close(l.epoll);
    free(l.conns);
    free(l.idle);
    free(l.samples);
}

const struct px_str *load_pixels(size_t n) {
    static const char form[] =
        "GET /api/pixel/visit?playerId=player-%06zu&bannerTag=banner-%02zu&s=campaign-%03zu&"
        "b=b-%08zx HTTP/1.1\r\n"
        "Host: 127.0.0.1:8080\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
        "Accept: image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5\r\n"
        "Accept-Encoding: gzip, deflate, br, zstd\r\n"
        "Referer: https://shop.example/spring/offers?page=2\r\n\r\n";
    struct px_str *v = calloc(n, sizeof *v);
    for (size_t i = 0; v && i < n; i++) {
        char text[640];
        int len = snprintf(text, sizeof text, form, i * 7919 % 1000000, i % 50, i % 500, i);
        char *copy = strndup(text, (size_t)len);
        if (!copy) {
            bench_die("requests", "no memory");
        }
        v[i] = (struct px_str){.p = copy, .n = (size_t)len};
    }
    if (!v) {
        bench_die("requests", "no memory");
    }
    return v;
}
