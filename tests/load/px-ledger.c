/* px-ledger: holds what clients were told, the log, SQL and the API against each other and says
 * whether every event was counted once and only once. See ledger.h and docs/LEDGER.md. */
#include "ledger_report.h"

#include <px/avro.h>
#include <px/clock.h>
#include <px/mem.h>
#include <px/num.h>

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: px-ledger --kafka HOST:PORT[,..] --sql-dialect NAME --sql CONNECTION [options]\n"
    "\n"
    "Compares what clients were told, what the log holds, what SQL holds and what the REST API\n"
    "answers. Reads only. Status 0: all of it fits, 1: it does not, 64: usage, 69: something that "
    "it\n"
    "needs cannot be reached.\n"
    "\n"
    "  --kafka LIST          brokers as host:port, comma separated\n"
    "  --kafka-config FILE   further librdkafka properties, name=value lines (TLS, SASL)\n"
    "  --topic NAME          the topic of the events (the one of the default configuration)\n"
    "  --dlq NAME            the dead-letter topic (DLQ_ instead of EVT_ in the topic's name)\n"
    "  --log-id ID           the log's identity in SQL (the cluster's id; the dev broker has its "
    "own)\n"
    "  --sql-dialect NAME    sqlite or postgresql\n"
    "  --sql CONNECTION      ODBC connection string\n"
    "  --sql-password-file F the password, in a file\n"
    "  --erasure-keys FILE   Erasure:KeyFile, needed once a player was erased\n"
    "  --api HOST:PORT       compare the REST API too\n"
    "  --book FILE           what a generator sent and was told; may be given several times\n"
    "  --expect-dead N       so many records of the log cannot be counted\n"
    "  --rejects-exact       every refused request of the books has a dead letter (ingest's rate "
    "for\n"
    "                        them was not exceeded)\n"
    "  --no-raw              raw rows are switched off (Raw:Store=false): do not look at them\n"
    "  --live                events go on arriving: compare up to where SQL stands, leave the API "
    "out\n"
    "  --wait SECONDS        wait until SQL has reached the log's end, at most so long\n"
    "  --schemas DIR         where events.yaml lies (beside the program's source, or installed)\n"
    "  --schema-ids E,L      ids of events and dead letters that a schema registry gave (1,2)\n"
    "  --json FILE           the result for programs\n"
    "  --verbose             say on stderr how far it is\n";

enum option_id {
    OPT_KAFKA = 1,
    OPT_KAFKA_CONFIG,
    OPT_TOPIC,
    OPT_DLQ,
    OPT_LOG_ID,
    OPT_DIALECT,
    OPT_SQL,
    OPT_PASSWORD,
    OPT_ERASURE_KEYS,
    OPT_API,
    OPT_BOOK,
    OPT_EXPECT_DEAD,
    OPT_REJECTS_EXACT,
    OPT_NO_RAW,
    OPT_LIVE,
    OPT_WAIT,
    OPT_SCHEMAS,
    OPT_SCHEMA_IDS,
    OPT_JSON,
    OPT_VERBOSE,
    OPT_HELP
};

static const struct option options[] = {
    {"kafka", required_argument, NULL, OPT_KAFKA},
    {"kafka-config", required_argument, NULL, OPT_KAFKA_CONFIG},
    {"topic", required_argument, NULL, OPT_TOPIC},
    {"dlq", required_argument, NULL, OPT_DLQ},
    {"log-id", required_argument, NULL, OPT_LOG_ID},
    {"sql-dialect", required_argument, NULL, OPT_DIALECT},
    {"sql", required_argument, NULL, OPT_SQL},
    {"sql-password-file", required_argument, NULL, OPT_PASSWORD},
    {"erasure-keys", required_argument, NULL, OPT_ERASURE_KEYS},
    {"api", required_argument, NULL, OPT_API},
    {"book", required_argument, NULL, OPT_BOOK},
    {"expect-dead", required_argument, NULL, OPT_EXPECT_DEAD},
    {"rejects-exact", no_argument, NULL, OPT_REJECTS_EXACT},
    {"no-raw", no_argument, NULL, OPT_NO_RAW},
    {"live", no_argument, NULL, OPT_LIVE},
    {"wait", required_argument, NULL, OPT_WAIT},
    {"schemas", required_argument, NULL, OPT_SCHEMAS},
    {"schema-ids", required_argument, NULL, OPT_SCHEMA_IDS},
    {"json", required_argument, NULL, OPT_JSON},
    {"verbose", no_argument, NULL, OPT_VERBOSE},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0}};

/* Options that just keep their text. */
static const char **text_option(struct lg_conf *c, int opt) {
    switch (opt) {
    case OPT_KAFKA:
        return &c->kafka;
    case OPT_KAFKA_CONFIG:
        return &c->kafka_config;
    case OPT_TOPIC:
        return &c->topic;
    case OPT_DLQ:
        return &c->dlq;
    case OPT_LOG_ID:
        return &c->log_id;
    case OPT_DIALECT:
        return &c->dialect;
    case OPT_SQL:
        return &c->sql;
    case OPT_PASSWORD:
        return &c->password_file;
    case OPT_ERASURE_KEYS:
        return &c->erasure_keys;
    case OPT_API:
        return &c->api;
    case OPT_SCHEMAS:
        return &c->schemas;
    case OPT_JSON:
        return &c->json;
    default:
        return NULL;
    }
}

static bool take_ids(struct lg_conf *c, struct px_str s) {
    size_t comma = px_str_find(s, ',');
    int64_t event = 0, letter = 0;
    if (comma == s.n ||
        !px_parse_i64((struct px_str){.p = s.p, .n = comma}, 0, UINT32_MAX, &event) ||
        !px_parse_i64((struct px_str){.p = s.p + comma + 1, .n = s.n - comma - 1}, 0, UINT32_MAX,
                      &letter)) {
        return false;
    }
    c->event_schema = (uint32_t)event;
    c->letter_schema = (uint32_t)letter;
    return true;
}

static bool take_option(struct lg_conf *c, int opt, const char *arg) {
    const char **text = text_option(c, opt);
    int64_t n = 0;
    if (text) {
        *text = arg;
        return arg[0] != '\0';
    }
    switch (opt) {
    case OPT_BOOK:
        if (c->nbooks == LG_MAX_BOOKS) {
            return false;
        }
        c->books[c->nbooks++] = arg;
        return true;
    case OPT_SCHEMA_IDS:
        return take_ids(c, px_str_c(arg));
    case OPT_EXPECT_DEAD:
        return px_parse_i64(px_str_c(arg), 0, INT64_MAX, &c->expect_dead);
    case OPT_WAIT:
        if (!px_parse_i64(px_str_c(arg), 0, 86400, &n)) {
            return false;
        }
        c->wait = n * PX_US_PER_S;
        return true;
    case OPT_REJECTS_EXACT:
        c->rejects_exact = true;
        return true;
    case OPT_NO_RAW:
        c->no_raw = true;
        return true;
    case OPT_LIVE:
        c->live = true;
        return true;
    case OPT_VERBOSE:
        c->verbose = true;
        return true;
    default:
        return false;
    }
}

/* The exit status, or -1 to go on. */
static int parse(struct lg_conf *c, int argc, char **argv) {
    int opt, at = 0;
    while ((opt = getopt_long(argc, argv, "", options, &at)) != -1) {
        if (opt == OPT_HELP) {
            fputs(usage, stdout);
            return 0;
        }
        if (opt == '?') {
            return 64;
        }
        if (!take_option(c, opt, optarg ? optarg : "")) {
            fprintf(stderr, "px-ledger: --%s %s: not a value of this option; see --help\n",
                    options[at].name, optarg);
            return 64;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "px-ledger: %s: unexpected; see --help\n", argv[optind]);
        return 64;
    }
    if (!c->kafka || !c->sql || !c->dialect) {
        fputs("px-ledger: --kafka, --sql-dialect and --sql are needed; see --help\n", stderr);
        return 64;
    }
    return -1;
}

/* --- the run ---------------------------------------------------------------------------------- */

void lg_progress(const struct ledger *l, const char *format, ...) {
    va_list args;
    if (!l->conf.verbose) {
        return;
    }
    va_start(args, format);
    fputs("px-ledger: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* Beside the source tree, or installed, as the services look for it. */
static enum px_code load_catalog(struct ledger *l, struct px_err *reterr) {
    static const char *const places[] = {"../..", "../../..", "../share/pixel-analytics"};
    char self[2048], path[4096];
    struct stat st;
    if (l->conf.schemas) {
        snprintf(path, sizeof path, "%s/events.yaml", l->conf.schemas);
        return px_catalog_load(path, &l->catalog, reterr);
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash) {
        *slash = '\0';
    }
    for (size_t i = 0; i < PX_ARRAY_LEN(places); i++) {
        snprintf(path, sizeof path, "%s/%s/schemas/events.yaml", self, places[i]);
        if (stat(path, &st) == 0) {
            return px_catalog_load(path, &l->catalog, reterr);
        }
    }
    return PX_FAIL(reterr, PX_USAGE, "events.yaml is not found: --schemas says where");
}

static enum px_code ask_sql(struct ledger *l, struct px_err *reterr) {
    enum px_code rc = l->db ? PX_OK : lg_sql_open(l, reterr);
    rc = rc == PX_OK ? px_tx_begin(l->db, reterr) : rc; /* one snapshot for all of it */
    rc = rc == PX_OK ? lg_sql_offsets(l, reterr) : rc;
    rc = rc == PX_OK ? lg_log_more(l, reterr) : rc;
    rc = rc == PX_OK ? lg_sql_erased(l, reterr) : rc;
    rc = rc == PX_OK ? lg_sql_rows(l, reterr) : rc;
    if (rc == PX_OK) {
        lg_way_dispositions(l);
        lg_progress(l, "the rules are applied");
        rc = lg_way_sums(l, reterr);
    }
    if (l->db) {
        px_tx_rollback(l->db);
    }
    return rc;
}

static enum px_code run(struct ledger *l, struct px_err *reterr) {
    enum px_code rc = load_catalog(l, reterr);
    rc = rc == PX_OK ? lg_books_open(l, reterr) : rc;
    if (rc == PX_OK && l->conf.wait) {
        rc = lg_wait(l, reterr);
        rc = rc == PX_OK ? lg_books_open(l, reterr) : rc; /* they grew */
    }
    rc = rc == PX_OK ? lg_log_read(l, reterr) : rc;
    rc = rc == PX_OK ? ask_sql(l, reterr) : rc;
    rc = rc == PX_OK ? lg_books_read(l, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    lg_way_book(l);
    lg_way_offsets(l);
    lg_way_letters(l);
    return lg_way_api(l, reterr);
}

static void fini(struct ledger *l) {
    for (size_t c = 0; c < LG_CLASSES; c++) {
        for (size_t i = 0; i < LG_WITNESSES; i++) {
            px_free(l->findings[c].v[i].text);
        }
    }
    for (size_t i = 0; i < l->notes.n; i++) {
        px_free(*(char **)lg_vec_at(&l->notes, i));
    }
    struct lg_vec *vecs[] = {&l->events, &l->letters, &l->gaps,    &l->others,
                             &l->cuts,   &l->notes,   &l->requests};
    for (size_t i = 0; i < PX_ARRAY_LEN(vecs); i++) {
        lg_vec_fini(vecs[i]);
    }
    struct lg_table *tables[] = {&l->ids, &l->copies, &l->places, &l->by_letter, &l->by_answer};
    for (size_t i = 0; i < PX_ARRAY_LEN(tables); i++) {
        lg_table_fini(tables[i]);
    }
    lg_sums_fini(&l->sums);
    lg_texts_fini(&l->texts);
    px_buf_fini(&l->facts);
    px_free(l->order);
    px_free(l->parts);
    px_free(l->dlq_next);
    px_sql_close(l->db);
    px_zone_free(l->zone);
    px_catalog_free(l->catalog);
    px_free(l);
}

/* What a failure means to who started this: the brief set of statuses in --help. */
static int status_of(enum px_code rc) {
    int status = px_code_exit(rc);
    return rc == PX_CONFIG || rc == PX_NOT_FOUND || rc == PX_IO ? 64 : status;
}

int main(int argc, char **argv) {
    struct ledger *l = px_alloc(sizeof *l);
    struct px_err err = PX_ERR_INIT;
    char dlq[300];
    px_assert(l);
    l->conf = (struct lg_conf){.topic = "EVT_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS",
                               .event_schema = PX_SCHEMA_EVENT,
                               .letter_schema = PX_SCHEMA_DLQ,
                               .expect_dead = -1};
    px_buf_init(&l->facts, 1 << 20);
    int status = parse(&l->conf, argc, argv);
    if (status >= 0) {
        fini(l);
        return status;
    }
    if (!l->conf.dlq) {
        bool named = strncmp(l->conf.topic, "EVT_", 4) == 0;
        snprintf(dlq, sizeof dlq, "DLQ_%s", l->conf.topic + (named ? 4 : 0));
        l->conf.dlq = dlq;
    }
    enum px_code rc = run(l, &err);
    if (rc != PX_OK) {
        fprintf(stderr, "px-ledger: %s\n", err.msg);
        status = status_of(rc);
    } else {
        lg_print(l);
        status = lg_violations(l) ? 1 : 0;
        if (l->conf.json && !lg_print_json(l)) {
            fprintf(stderr, "px-ledger: --json %s cannot be written\n", l->conf.json);
            status = 74;
        }
    }
    fini(l);
    return status;
}
