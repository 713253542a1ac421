/* px-load: traffic with a known truth against a running ingest; see load.h. */
#include "load.h"

#include <px/mem.h>
#include <px/num.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char load_usage[] =
    "usage: px-load [options]\n"
    "\n"
    "Sends a mix of visits, registrations and deposits to an ingest service and keeps the books of "
    "what\n"
    "was acknowledged. Status 0: every request was answered, and as expected.\n"
    "\n"
    "  --url HOST:PORT    where ingest listens (127.0.0.1:8080)\n"
    "  --rate N           requests per second, open loop (200)\n"
    "  --duration TIME    how long, as 30s or 5m (until SIGINT or SIGTERM)\n"
    "  --connections N    keep-alive connections (32)\n"
    "  --players N        how many players there are (10000)\n"
    "  --banners N        how many banners there are (40)\n"
    "  --seed N           the same seed makes the same requests (1)\n"
    "  --prefix TEXT      begins every player id and banner tag (load and the seed)\n"
    "  --retry            send what got 503 and carries an id once more\n"
    "  --truth FILE       write what a correct pipeline has counted, as JSON\n"
    "  --ids FILE         write the event id of every acknowledged event, one a line\n";

enum load_option {
    OPT_URL = 1,
    OPT_RATE,
    OPT_DURATION,
    OPT_CONNECTIONS,
    OPT_PLAYERS,
    OPT_BANNERS,
    OPT_SEED,
    OPT_PREFIX,
    OPT_RETRY,
    OPT_TRUTH,
    OPT_IDS,
    OPT_HELP
};

static const struct option load_options[] = {
    {"url", required_argument, NULL, OPT_URL},
    {"rate", required_argument, NULL, OPT_RATE},
    {"duration", required_argument, NULL, OPT_DURATION},
    {"connections", required_argument, NULL, OPT_CONNECTIONS},
    {"players", required_argument, NULL, OPT_PLAYERS},
    {"banners", required_argument, NULL, OPT_BANNERS},
    {"seed", required_argument, NULL, OPT_SEED},
    {"prefix", required_argument, NULL, OPT_PREFIX},
    {"retry", no_argument, NULL, OPT_RETRY},
    {"truth", required_argument, NULL, OPT_TRUTH},
    {"ids", required_argument, NULL, OPT_IDS},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0}};

static bool load_url(struct load_conf *c, const char *arg) {
    const char *colon = strrchr(arg, ':');

    if (strncmp(arg, "http://", 7) == 0) {
        arg += 7;
    }
    return colon && colon > arg &&
           px_str_copy((struct px_str){.p = arg, .n = (size_t)(colon - arg)}, c->host,
                       sizeof c->host) &&
           px_str_copy(px_str_c(colon + 1), c->port, sizeof c->port);
}

/* False: the value is not one the option takes. */
static bool load_option(struct load_conf *c, int opt, const char *arg) {
    struct px_str s = px_str_c(arg);
    int64_t seed;

    switch (opt) {
    case OPT_URL:
        return load_url(c, arg);
    case OPT_RATE:
        return px_parse_i64(s, 1, 1000000, &c->rate);
    case OPT_DURATION:
        return px_parse_duration(s, &c->duration) && c->duration >= 0;
    case OPT_CONNECTIONS:
        return px_parse_i64(s, 1, 10000, &c->connections);
    case OPT_PLAYERS:
        return px_parse_i64(s, 1, 100000000, &c->players);
    case OPT_BANNERS:
        return px_parse_i64(s, 1, 1000, &c->banners);
    case OPT_SEED:
        if (!px_parse_i64(s, 0, INT64_MAX, &seed)) {
            return false;
        }
        c->seed = (uint64_t)seed;
        return true;
    case OPT_PREFIX:
        return s.n > 0 && px_str_copy(s, c->prefix, sizeof c->prefix);
    case OPT_RETRY:
        c->retry = true;
        return true;
    case OPT_TRUTH:
        c->truth_file = arg;
        return true;
    case OPT_IDS:
        c->ids_file = arg;
        return true;
    default:
        return false;
    }
}

/* The exit status, or -1 to go on. */
static int load_parse(struct load_conf *c, int argc, char **argv) {
    int opt, at = 0;

    while ((opt = getopt_long(argc, argv, "", load_options, &at)) != -1) {
        if (opt == OPT_HELP) {
            fputs(load_usage, stdout);
            return 0;
        }
        if (opt == '?') {
            return 64;
        }
        if (!load_option(c, opt, optarg ? optarg : "")) {
            fprintf(stderr, "px-load: --%s %s: not a value of this option; see --help\n",
                    load_options[at].name, optarg);
            return 64;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "px-load: %s: unexpected; see --help\n", argv[optind]);
        return 64;
    }
    if (!c->prefix[0]) {
        snprintf(c->prefix, sizeof c->prefix, "load%llu", (unsigned long long)c->seed);
    }
    return -1;
}

static int load_write_truth(const struct load_run *run) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT((size_t)1 << 30);
    FILE *f;

    if (!run->conf.truth_file) {
        return 0;
    }
    load_truth_write(run, &b);
    f = b.failed ? NULL : fopen(run->conf.truth_file, "we");
    if (!f || fwrite(b.p, 1, b.n, f) != b.n) {
        fprintf(stderr, "px-load: --truth %s cannot be written\n", run->conf.truth_file);
        if (f) {
            fclose(f);
        }
        return 74;
    }
    return fclose(f) ? 74 : 0;
}

static bool load_all_answered(const struct load_run *run) {
    for (uint32_t i = 0; i < run->n; i++) {
        switch ((enum load_state)run->v[i].state) {
        case LOAD_UNSENT:
        case LOAD_SENT:
        case LOAD_UNREACHABLE:
        case LOAD_UNANSWERED:
            return false;
        case LOAD_ACKED:
        case LOAD_REFUSED:
        case LOAD_BUSY:
        case LOAD_UNKNOWN:
        case LOAD_STRANGE:
            break;
        }
    }
    return run->unexpected == 0;
}

static uint32_t load_cap(const struct load_conf *c) {
    double planned = (double)c->rate * (double)c->duration / 1e6;
    if (c->duration == 0 || planned > LOAD_MAX_REQUESTS / 2.0) {
        return LOAD_MAX_REQUESTS;
    }
    return (uint32_t)planned * (c->retry ? 2 : 1) + 1;
}

int main(int argc, char **argv) {
    struct load_run run = {.conf = {.host = "127.0.0.1",
                                    .port = "8080",
                                    .seed = 1,
                                    .rate = 200,
                                    .connections = 32,
                                    .players = 10000,
                                    .banners = 40}};
    struct px_err err = PX_ERR_INIT;
    int status = load_parse(&run.conf, argc, argv);
    if (status >= 0) {
        return status;
    }
    run.cap = load_cap(&run.conf);
    run.v = px_calloc2(run.cap, sizeof *run.v);
    if (!run.v || load_client_run(&run, &err)) {
        fprintf(stderr, "px-load: %s\n", run.v ? err.msg : "no memory");
        return 1;
    }
    load_summary_print(&run);
    status = load_write_truth(&run);
    status = status ? status : load_all_answered(&run) ? 0 : 1;
    px_free(run.v);
    return status;
}
