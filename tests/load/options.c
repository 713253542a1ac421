/* The command line of px-load: every value checked, each refusal names the option and what it
 * takes. */
#include "load.h"

#include <px/clock.h>
#include <px/num.h>

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>

static const char options_usage[] =
    "usage: px-load [options]\n"
    "\n"
    "Sends a mix of visits, registrations and deposits to ingest and keeps the books of what was\n"
    "acknowledged. Open loop: when a request is due depends on nothing but the rate, and latency "
    "is\n"
    "counted from then.\n"
    "\n"
    "  --url HOST:PORT    where ingest listens (127.0.0.1:8080); several, separated by commas or "
    "as\n"
    "                     several options, get equal shares of the connections\n"
    "  --rate N           requests per second (200)\n"
    "  --duration TIME    how long, as 30s or 5m (until SIGINT or SIGTERM)\n"
    "  --connections N    so many connections, at most one request on each (128)\n"
    "  --keep-alive yes|no  no: a connection for each request (yes)\n"
    "  --timeout TIME     how long to wait for one answer (20s)\n"
    "  --retry[=N]        send again, up to N times in all (20), what got 503 or was not sent, "
    "and\n"
    "                     what was cut off when it carries an id; the same id again\n"
    "  --grace TIME       how long answers and retries may come after the end (20s)\n"
    "  --players N        how many players there are (10000)\n"
    "  --banners N        how many banners there are (40)\n"
    "  --midnight DATE    a tenth of the events carries a time of the sender's, at most two "
    "seconds\n"
    "                     before or after the beginning of that UTC day (none does); ingest takes "
    "it\n"
    "                     with Events:ClientTime=any\n"
    "  --seed N           the same seed makes the same requests (1)\n"
    "  --prefix TEXT      begins every player id and banner tag (load and the seed)\n"
    "  --book FILE        write every intent before it is sent, and every outcome; never "
    "overwrites\n"
    "  --truth FILE       write what a correct pipeline has counted, and what was measured, as "
    "JSON\n"
    "  --ids FILE         write the event id of every acknowledged event, one a line\n"
    "  --help             this text\n"
    "\n"
    "SIGINT or SIGTERM ends the sending; answers and retries are still waited for. A second one "
    "ends\n"
    "that too.\n"
    "\n"
    "Exit status: 0 every request was answered, and as expected; 1 some were not; 64 usage; 69 "
    "nobody\n"
    "accepted a connection at the start; 70 no memory; 74 a file could not be written (the sending "
    "ends\n"
    "at once when it is the book).\n";

enum options_code {
    OPT_URL = 1,
    OPT_RATE,
    OPT_DURATION,
    OPT_CONNECTIONS,
    OPT_KEEP_ALIVE,
    OPT_TIMEOUT,
    OPT_RETRY,
    OPT_GRACE,
    OPT_PLAYERS,
    OPT_BANNERS,
    OPT_MIDNIGHT,
    OPT_SEED,
    OPT_PREFIX,
    OPT_BOOK,
    OPT_TRUTH,
    OPT_IDS,
    OPT_HELP
};

static const struct option options_list[] = {
    {"url", required_argument, NULL, OPT_URL},
    {"rate", required_argument, NULL, OPT_RATE},
    {"duration", required_argument, NULL, OPT_DURATION},
    {"connections", required_argument, NULL, OPT_CONNECTIONS},
    {"keep-alive", required_argument, NULL, OPT_KEEP_ALIVE},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"retry", optional_argument, NULL, OPT_RETRY},
    {"grace", required_argument, NULL, OPT_GRACE},
    {"players", required_argument, NULL, OPT_PLAYERS},
    {"banners", required_argument, NULL, OPT_BANNERS},
    {"midnight", required_argument, NULL, OPT_MIDNIGHT},
    {"seed", required_argument, NULL, OPT_SEED},
    {"prefix", required_argument, NULL, OPT_PREFIX},
    {"book", required_argument, NULL, OPT_BOOK},
    {"truth", required_argument, NULL, OPT_TRUTH},
    {"ids", required_argument, NULL, OPT_IDS},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0}};

/* What the option takes, for the message about a value that it does not. */
static const char *const options_remedy[] = {
    [OPT_URL] = "give HOST:PORT, or up to 16 of them separated by commas",
    [OPT_RATE] = "give a whole number from 1 to 1000000",
    [OPT_DURATION] = "give a time as 30s or 5m, or 0s for no end",
    [OPT_CONNECTIONS] = "give a whole number from 1 to 10000",
    [OPT_KEEP_ALIVE] = "give yes or no",
    [OPT_TIMEOUT] = "give a time from 10ms to 1h, as 20s",
    [OPT_RETRY] = "give --retry, or --retry=N with a whole number from 1 to 250",
    [OPT_GRACE] = "give a time from 0s to 1h, as 20s",
    [OPT_PLAYERS] = "give a whole number from 1 to 100000000",
    [OPT_BANNERS] = "give a whole number from 1 to 1000",
    [OPT_MIDNIGHT] = "give a date as 2026-11-21: today's or one of the three days before (UTC)",
    [OPT_SEED] = "give a whole number from 0 to 9223372036854775807",
    [OPT_PREFIX] = "give 1 to 31 letters, digits, dots, dashes or underscores",
    [OPT_BOOK] = "give the name of a file",
    [OPT_TRUTH] = "give the name of a file",
    [OPT_IDS] = "give the name of a file",
    [OPT_HELP] = "it takes no value",
};

/* --- values -------------------------------------------------------------------------------------
 */

static bool read_target(struct load_conf *c, struct px_str s) {
    struct load_target *t = &c->targets[c->ntargets];
    int64_t port;

    if (px_str_starts(s, PX_S("http://"))) {
        s = (struct px_str){.p = s.p + 7, .n = s.n - 7};
    }
    if (s.n && s.p[s.n - 1] == '/') {
        s.n--;
    }
    size_t colon = px_str_find(s, ':');
    struct px_str host = {.p = s.p, .n = colon};
    if (c->ntargets == LOAD_TARGETS || colon == 0 || colon >= s.n) {
        return false;
    }
    s = (struct px_str){.p = s.p + colon + 1, .n = s.n - colon - 1};
    if (!px_parse_i64(s, 1, 65535, &port) || !px_str_copy(host, t->host, sizeof t->host) ||
        !px_str_copy(s, t->port, sizeof t->port)) {
        return false;
    }
    c->ntargets++;
    return true;
}

static bool read_targets(struct load_conf *c, struct px_str s) {
    for (;;) {
        size_t comma = px_str_find(s, ',');
        if (!read_target(c, (struct px_str){.p = s.p, .n = comma})) {
            return false;
        }
        if (comma == s.n) {
            return true;
        }
        s = (struct px_str){.p = s.p + comma + 1, .n = s.n - comma - 1};
    }
}

static bool read_time(struct px_str s, px_us min, px_us max, px_us *ret) {
    px_us v;
    if (!px_parse_duration(s, &v) || v < min || v > max) {
        return false;
    }
    *ret = v;
    return true;
}

static bool read_yes(struct px_str s, bool *ret) {
    *ret = px_str_is(s, "yes");
    return *ret || px_str_is(s, "no");
}

static bool read_midnight(struct px_str s, px_us *ret) {
    px_day day, today = px_day_of(px_wall(&px_clock_system));
    if (!px_parse_date(s, &day) || day > today || day < today - 3) {
        return false;
    }
    *ret = day * (px_us)PX_US_PER_DAY;
    return true;
}

/* It becomes part of URLs, JSON and the book's lines as it stands. */
static bool read_prefix(struct px_str s, char *ret, size_t cap) {
    for (size_t i = 0; i < s.n; i++) {
        if (!isalnum((unsigned char)s.p[i]) && !strchr("._-", s.p[i])) {
            return false;
        }
    }
    return s.n > 0 && px_str_copy(s, ret, cap);
}

static bool read_seed(struct px_str s, uint64_t *ret) {
    int64_t v;
    if (!px_parse_i64(s, 0, INT64_MAX, &v)) {
        return false;
    }
    *ret = (uint64_t)v;
    return true;
}

static bool read_file(const char *arg, const char **ret) {
    *ret = arg;
    return arg[0] != '\0';
}

/* False: the value is not one the option takes. */
static bool read_value(struct load_conf *c, enum options_code code, const char *arg) {
    struct px_str s = px_str_c(arg);

    switch (code) {
    case OPT_URL:
        return read_targets(c, s);
    case OPT_RATE:
        return px_parse_i64(s, 1, 1000000, &c->rate);
    case OPT_DURATION:
        return read_time(s, 0, INT64_MAX, &c->duration);
    case OPT_CONNECTIONS:
        return px_parse_i64(s, 1, 10000, &c->connections);
    case OPT_KEEP_ALIVE:
        return read_yes(s, &c->keep_alive);
    case OPT_TIMEOUT:
        return read_time(s, 10 * PX_US_PER_MS, 60 * PX_US_PER_MIN, &c->timeout);
    case OPT_RETRY:
        c->attempts = 20;
        return s.n == 0 || px_parse_i64(s, 1, 250, &c->attempts);
    case OPT_GRACE:
        return read_time(s, 0, 60 * PX_US_PER_MIN, &c->grace);
    case OPT_PLAYERS:
        return px_parse_i64(s, 1, 100000000, &c->players);
    case OPT_BANNERS:
        return px_parse_i64(s, 1, 1000, &c->banners);
    case OPT_MIDNIGHT:
        return read_midnight(s, &c->midnight);
    case OPT_SEED:
        return read_seed(s, &c->seed);
    case OPT_PREFIX:
        return read_prefix(s, c->prefix, sizeof c->prefix);
    case OPT_BOOK:
        return read_file(arg, &c->book_file);
    case OPT_TRUTH:
        return read_file(arg, &c->truth_file);
    case OPT_IDS:
        return read_file(arg, &c->ids_file);
    case OPT_HELP:
        break;
    }
    return false;
}

/* --- the line -----------------------------------------------------------------------------------
 */

static const struct load_conf options_default = {.seed = 1,
                                                 .rate = 200,
                                                 .connections = 128,
                                                 .players = 10000,
                                                 .banners = 40,
                                                 .attempts = 1,
                                                 .timeout = 20 * PX_US_PER_S,
                                                 .grace = 20 * PX_US_PER_S,
                                                 .keep_alive = true};

static bool options_end(int *ret_status, int status) {
    *ret_status = status;
    return false;
}

bool load_options_read(struct load_conf *conf, int argc, char **argv, int *ret_status) {
    int code, at = 0;

    *conf = options_default;
    optind = 1;
    while ((code = getopt_long(argc, argv, "", options_list, &at)) != -1) {
        if (code == OPT_HELP) {
            fputs(options_usage, stdout);
            return options_end(ret_status, 0);
        }
        if (code == '?') {
            fputs("px-load: see --help for what it takes\n", stderr);
            return options_end(ret_status, 64);
        }
        if (!read_value(conf, (enum options_code)code, optarg ? optarg : "")) {
            fprintf(stderr, "px-load: --%s %s: %s\n", options_list[at].name, optarg,
                    options_remedy[code]);
            return options_end(ret_status, 64);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "px-load: %s: unexpected; options begin with --, see --help\n",
                argv[optind]);
        return options_end(ret_status, 64);
    }
    if (conf->ntargets == 0) {
        PX_IGNORE(read_targets(conf, PX_S("127.0.0.1:8080"))); /* a constant that parses */
    }
    if (!conf->prefix[0]) {
        (void)snprintf(conf->prefix, sizeof conf->prefix, "load%llu",
                       (unsigned long long)conf->seed);
    }
    return true;
}
