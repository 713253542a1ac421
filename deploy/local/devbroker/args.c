/* The dev broker's command line. Refuses what it does not know, by name. */
#include "devbroker.h"
#include <px/num.h>
#include <getopt.h>
#include <stdio.h>

#define DEVBROKER_BROKERS_MAX    5
#define DEVBROKER_PARTITIONS_MAX 256
#define DEVBROKER_DELAY_MAX      10000

const char devbroker_usage[] =
    "usage: px-devbroker --topic NAME:PARTITIONS [--topic ...] [--brokers N] [--delay MS]\n"
    "                    [--address-file PATH]\n"
    "\n"
    "A volatile Kafka cluster for trying out, on free ports of 127.0.0.1. It prints its address "
    "to\n"
    "standard output and runs until SIGTERM or SIGINT. Never for data that matters: it keeps the\n"
    "newest 5 MiB of a partition, in memory, and takes no part in any promise of durability.\n"
    "\n"
    "  --topic NAME:PARTITIONS  create a topic; may be repeated. A topic that is asked for "
    "without\n"
    "                           being listed appears with 4 partitions\n"
    "  --brokers N              how many brokers, 1 to 5 (1)\n"
    "  --delay MS               every answer comes so much later, 0 to 10000 (0)\n"
    "  --address-file PATH      write KAFKA_BOOTSTRAP=, KAFKA_LOG_ID=, KAFKA_PID= there\n"
    "  --help                   this text\n";

static enum px_code devbroker_topic_arg(struct devbroker_conf *c, const char *arg,
                                        struct px_err *reterr) {
    struct px_str s = px_str_c(arg);
    size_t colon = px_str_find(s, ':');
    struct px_str name = {.p = s.p, .n = colon};
    int64_t n;
    if (c->ntopics == DEVBROKER_TOPICS) {
        return PX_FAIL(reterr, PX_USAGE, "--topic: at most %d topics", DEVBROKER_TOPICS);
    }
    struct devbroker_topic *t = &c->topics[c->ntopics];
    if (colon == s.n || colon == 0 || !px_str_copy(name, t->name, sizeof t->name)) {
        return PX_FAIL(reterr, PX_USAGE, "--topic %.60s: expected NAME:PARTITIONS", arg);
    }
    struct px_str count = {.p = s.p + colon + 1, .n = s.n - colon - 1};
    if (!px_parse_i64(count, 1, DEVBROKER_PARTITIONS_MAX, &n)) {
        return PX_FAIL(reterr, PX_USAGE, "--topic %.60s: partitions are 1 to %d", arg,
                       DEVBROKER_PARTITIONS_MAX);
    }
    t->partitions = (int)n;
    c->ntopics++;
    return PX_OK;
}

static enum px_code devbroker_option(struct devbroker_conf *c, int option, const char *arg,
                                     struct px_err *reterr) {
    int64_t n;
    switch (option) {
    case 't':
        return devbroker_topic_arg(c, arg, reterr);
    case 'b':
        if (!px_parse_i64(px_str_c(arg), 1, DEVBROKER_BROKERS_MAX, &n)) {
            return PX_FAIL(reterr, PX_USAGE, "--brokers %.20s: allowed are 1 to %d", arg,
                           DEVBROKER_BROKERS_MAX);
        }
        c->brokers = (int)n;
        return PX_OK;
    case 'd':
        if (!px_parse_i64(px_str_c(arg), 0, DEVBROKER_DELAY_MAX, &n)) {
            return PX_FAIL(reterr, PX_USAGE, "--delay %.20s: allowed are 0 to %d ms", arg,
                           DEVBROKER_DELAY_MAX);
        }
        c->delay_ms = (int)n;
        return PX_OK;
    case 'a':
        c->address_file = arg;
        return PX_OK;
    case 'h':
        c->help = true;
        return PX_OK;
    default:
        return PX_FAIL(reterr, PX_USAGE, "%.60s: unknown, or without its value", arg);
    }
}

enum px_code devbroker_args(int argc, char **argv, struct devbroker_conf *ret,
                            struct px_err *reterr) {
    static const struct option options[] = {
        {"topic", required_argument, NULL, 't'}, {"brokers", required_argument, NULL, 'b'},
        {"delay", required_argument, NULL, 'd'}, {"address-file", required_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0}};
    struct devbroker_conf c = {.brokers = 1};
    int option;
    opterr = 0; /* the message below says it */
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        enum px_code rc = devbroker_option(&c, option, optarg ? optarg : argv[optind - 1], reterr);
        if (rc != PX_OK) {
            return rc;
        }
    }
    if (optind < argc) {
        return PX_FAIL(reterr, PX_USAGE, "unexpected argument %.60s", argv[optind]);
    }
    *ret = c;
    return PX_OK;
}
