/* The command line of px-hostile. */
#include "hostile.h"

#include <px/num.h>

#include <getopt.h>
#include <stdio.h>

static const char options_usage[] =
    "usage: px-hostile KIND --port N [options]\n"
    "\n"
    "Clients that a server on the open internet meets, and a polite one to measure beside them.\n"
    "Prints `ready` once all connections were open, and a line of JSON at the end.\n"
    "\n"
    "  --host ADDRESS      IPv4 (127.0.0.1)\n"
    "  --port N            the server's\n"
    "  --connections N     so many at a time (100)\n"
    "  --rate N            ask: requests per second (100); others: connections per second (2000)\n"
    "  --duration TIME     how long (until SIGTERM)\n"
    "  --every TIME        between two bytes of a slow one (1s)\n"
    "  --depth N           requests sent at once (1)\n"
    "  --batch N           ask: POST batches of N events instead of pixels\n"
    "  --sources N         from so many addresses, 127.1.0.1 and up (one, the system's choice)\n"
    "  --timeout TIME      ask: how long to wait for an answer (10s)\n"
    "  --keep-alive yes|no no: a connection for each request (yes)\n"
    "  --reopen yes|no     make a new connection for one that was closed (yes)\n"
    "\n"
    "kinds:\n";

enum options_code {
    OPT_HOST = 1,
    OPT_PORT,
    OPT_CONNECTIONS,
    OPT_RATE,
    OPT_DURATION,
    OPT_EVERY,
    OPT_DEPTH,
    OPT_BATCH,
    OPT_SOURCES,
    OPT_TIMEOUT,
    OPT_KEEP_ALIVE,
    OPT_REOPEN,
    OPT_HELP
};

static const struct option options_list[] = {
    {"host", required_argument, NULL, OPT_HOST},
    {"port", required_argument, NULL, OPT_PORT},
    {"connections", required_argument, NULL, OPT_CONNECTIONS},
    {"rate", required_argument, NULL, OPT_RATE},
    {"duration", required_argument, NULL, OPT_DURATION},
    {"every", required_argument, NULL, OPT_EVERY},
    {"depth", required_argument, NULL, OPT_DEPTH},
    {"batch", required_argument, NULL, OPT_BATCH},
    {"sources", required_argument, NULL, OPT_SOURCES},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"keep-alive", required_argument, NULL, OPT_KEEP_ALIVE},
    {"reopen", required_argument, NULL, OPT_REOPEN},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0}};

static bool options_time(struct px_str s, px_us *ret) {
    return px_parse_duration(s, ret) && *ret > 0;
}

static bool options_yes(struct px_str s, bool *ret) {
    *ret = px_str_is(s, "yes");
    return *ret || px_str_is(s, "no");
}

static bool options_port(struct px_str s, uint16_t *ret) {
    int64_t v;
    if (!px_parse_i64(s, 1, 65535, &v)) {
        return false;
    }
    *ret = (uint16_t)v;
    return true;
}

static bool options_value(struct hostile_conf *c, enum options_code code, struct px_str s) {
    switch (code) {
    case OPT_HOST:
        return px_str_copy(s, c->host, sizeof c->host);
    case OPT_PORT:
        return options_port(s, &c->port);
    case OPT_CONNECTIONS:
        return px_parse_i64(s, 1, 1000000, &c->connections);
    case OPT_RATE:
        return px_parse_i64(s, 1, 10000000, &c->rate);
    case OPT_DURATION:
        return options_time(s, &c->duration);
    case OPT_EVERY:
        return options_time(s, &c->every);
    case OPT_DEPTH:
        return px_parse_i64(s, 1, 100000, &c->depth);
    case OPT_BATCH:
        return px_parse_i64(s, 1, 500, &c->batch);
    case OPT_SOURCES:
        return px_parse_i64(s, 1, 60000, &c->sources);
    case OPT_TIMEOUT:
        return options_time(s, &c->timeout);
    case OPT_KEEP_ALIVE:
        return options_yes(s, &c->keep_alive);
    case OPT_REOPEN:
        return options_yes(s, &c->reopen);
    case OPT_HELP:
        break;
    }
    return false;
}

static bool options_end(int *ret_status, int status) {
    *ret_status = status;
    return false;
}

/* Everything that was given makes sense together. */
static bool options_complete(struct hostile_conf *c, const char *kind, int *ret_status) {
    c->kind = kind ? hostile_kind_find(kind) : NULL;
    if (!c->kind || c->port == 0) {
        fprintf(stderr, "px-hostile: give a kind of client and --port; see --help\n");
        return options_end(ret_status, 64);
    }
    c->rate = c->rate ? c->rate : c->kind->asks ? 100 : 2000;
    return true;
}

bool hostile_options(struct hostile_conf *c, int argc, char **argv, int *ret_status) {
    int code, at = 0;

    *c = (struct hostile_conf){.host = "127.0.0.1",
                               .connections = 100,
                               .every = PX_US_PER_S,
                               .timeout = 10 * PX_US_PER_S,
                               .depth = 1,
                               .keep_alive = true,
                               .reopen = true};
    while ((code = getopt_long(argc, argv, "", options_list, &at)) != -1) {
        if (code == OPT_HELP) {
            fputs(options_usage, stdout);
            hostile_kinds_print();
            return options_end(ret_status, 0);
        }
        if (code == '?') {
            return options_end(ret_status, 64);
        }
        if (!options_value(c, (enum options_code)code, px_str_c(optarg))) {
            fprintf(stderr, "px-hostile: --%s %s: it does not take that; see --help\n",
                    options_list[at].name, optarg);
            return options_end(ret_status, 64);
        }
    }
    return options_complete(c, optind < argc ? argv[optind] : NULL, ret_status);
}
