/* What a message costs on its way to the log: px_producer_send and its report, beside librdkafka
 * used directly with the same settings. CPU of this process with the library's threads; the broker
 * is another process. Once as fast as it goes, once at the pace of a busy day. */
#include "bench.h"
#include "stack.h"

#include <px/kafka.h>

#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <stdio.h>

#define FULL      ((size_t)200000)
#define PACED     ((size_t)10000)
#define PACE      5000 /* messages per second */
#define IN_FLIGHT ((size_t)10000)
#define VALUE     ((size_t)300)
#define LINGER    5 /* ms */

/* Either way of producing, as two calls. */
struct way {
    const char *name;
    bool (*send)(struct way *w, struct px_str key, struct px_str value); /* false = queue full */
    void (*serve)(struct way *w, int wait_ms);                           /* take reports      */
    size_t sent, acked, failed;
    struct px_producer *producer;
    struct px_topic *topic;
    rd_kafka_t *rk;
    rd_kafka_topic_t *rkt;
};

/* --- ours ---------------------------------------------------------------------------------------
 */
static void on_report(void *arg, const struct px_report *r) {
    struct way *w = arg;
    *(r->delivery == PX_PERSISTED ? &w->acked : &w->failed) += 1;
}

static bool px_send(struct way *w, struct px_str key, struct px_str value) {
    const struct px_record r = {.key = key, .value = value, .tag = w->sent};
    return px_producer_send(w->producer, w->topic, &r, NULL) == PX_OK;
}

static void px_serve(struct way *w, int wait_ms) {
    struct pollfd p = {.fd = px_producer_fd(w->producer), .events = POLLIN};
    if (poll(&p, 1, wait_ms) > 0) {
        px_producer_dispatch(w->producer);
    }
}

static struct px_kafka_conf kafka;

static void px_open(struct way *w) {
    struct px_err e = PX_ERR_INIT;
    const struct px_producer_conf conf = {.kafka = &kafka,
                                          .client_id = "bench",
                                          .message_timeout = 10 * PX_US_PER_S,
                                          .linger = LINGER * PX_US_PER_MS,
                                          .compression = "lz4",
                                          .queue_messages = 100000,
                                          .report = on_report,
                                          .arg = w};
    if (px_producer_open(&conf, &w->producer, &e) ||
        px_producer_topic(w->producer, STACK_TOPIC, &w->topic, &e)) {
        bench_die("px_producer", e.msg);
    }
}

/* --- the library alone --------------------------------------------------------------------------
 */
static void rd_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *arg) {
    struct way *w = arg;
    (void)rk;
    *(m->err == RD_KAFKA_RESP_ERR_NO_ERROR ? &w->acked : &w->failed) += 1;
}

static bool rd_send(struct way *w, struct px_str key, struct px_str value) {
    return rd_kafka_produce(w->rkt, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                            (void *)(uintptr_t)value.p, value.n, key.p, key.n, NULL) == 0;
}

static void rd_serve(struct way *w, int wait_ms) {
    (void)rd_kafka_poll(w->rk, wait_ms);
}

static void rd_open(struct way *w) {
    static const char *const conf[][2] = {{"enable.idempotence", "true"},
                                          {"acks", "all"},
                                          {"linger.ms", "5"},
                                          {"compression.type", "lz4"},
                                          {"queue.buffering.max.messages", "100000"},
                                          {"partitioner", "murmur2_random"},
                                          {"socket.nagle.disable", "true"}};
    char text[200];
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    for (size_t i = 0; i < PX_ARRAY_LEN(conf); i++) {
        if (rd_kafka_conf_set(c, conf[i][0], conf[i][1], text, sizeof text)) {
            bench_die(conf[i][0], text);
        }
    }
    (void)rd_kafka_conf_set(c, "bootstrap.servers", kafka.bootstrap, text, sizeof text);
    rd_kafka_conf_set_dr_msg_cb(c, rd_report);
    rd_kafka_conf_set_opaque(c, w);
    w->rk = rd_kafka_new(RD_KAFKA_PRODUCER, c, text, sizeof text);
    if (!w->rk) {
        bench_die("rd_kafka_new", text);
    }
    w->rkt = rd_kafka_topic_new(w->rk, STACK_TOPIC, NULL);
}

static void close_way(struct way *w) {
    if (w->producer) {
        px_producer_close(w->producer, PX_US_PER_S);
    }
    if (w->rk) {
        rd_kafka_topic_destroy(w->rkt);
        rd_kafka_destroy(w->rk);
    }
}

/* --- one run ------------------------------------------------------------------------------------
 */
static void send_one(struct way *w) {
    static const char value[VALUE] = "a made-up event of three hundred bytes, as Avro has it";
    char key[32];
    int n = snprintf(key, sizeof key, "player-%06zu", w->sent * 7919 % 200000);
    if (w->send(w, (struct px_str){.p = key, .n = (size_t)n},
                (struct px_str){.p = value, .n = VALUE})) {
        w->sent++;
    } else {
        w->serve(w, 1);
    }
}

static void all_acked(struct way *w) {
    int64_t end = bench_wall() + INT64_C(20000000000);
    while (w->acked + w->failed < w->sent) {
        w->serve(w, 100);
        if (bench_wall() > end) {
            bench_die(w->name, "reports are missing");
        }
    }
    if (w->failed) {
        bench_die(w->name, "messages were not stored");
    }
}

static void at_full_speed(struct way *w, size_t n) {
    size_t end = w->sent + n;
    while (w->sent < end) {
        send_one(w);
        if (w->sent - w->acked >= IN_FLIGHT) {
            w->serve(w, 5);
        } else if (w->sent % 64 == 0) {
            w->serve(w, 0);
        }
    }
}

static void at_pace(struct way *w, size_t n) {
    int64_t from = bench_wall();
    size_t first = w->sent;
    while (w->sent < first + n) {
        int64_t due = from + (int64_t)(w->sent - first) * (INT64_C(1000000000) / PACE);
        if (bench_wall() >= due) {
            send_one(w);
        } else {
            w->serve(w, 1);
        }
    }
}

static double cpu_per_message(struct way *w, void (*run)(struct way *, size_t), size_t n) {
    at_full_speed(w, 1000); /* connections, metadata, producer id */
    all_acked(w);
    int64_t from = bench_cpu_self();
    run(w, n);
    all_acked(w);
    return (double)(bench_cpu_self() - from) / 1000 / (double)n;
}

static void measure(const char *name, void (*run)(struct way *, size_t), size_t n, double ratio) {
    struct bench_runs ours = {.n = 0};
    struct bench_runs plain = {.n = 0};
    for (size_t i = 0; i < bench_reps(5); i++) {
        struct way p = {.name = "px_producer", .send = px_send, .serve = px_serve};
        struct way r = {.name = "librdkafka", .send = rd_send, .serve = rd_serve};
        px_open(&p);
        bench_add(&ours, cpu_per_message(&p, run, n));
        close_way(&p);
        rd_open(&r);
        bench_add(&plain, cpu_per_message(&r, run, n));
        close_way(&r);
    }
    bench_print(&(struct bench_figure){.bench = "produce",
                                       .name = name,
                                       .unit = "us CPU/message",
                                       .runs = &ours,
                                       .reference_name = "librdkafka alone",
                                       .reference = &plain,
                                       .aim = ratio * bench_median(&plain),
                                       .judged = true});
}

int main(void) {
    static struct stack s;
    stack_broker(&s);
    kafka.bootstrap = s.bootstrap;
    kafka.properties = "";
    kafka.security_password = kafka.key_password = "";
    measure("send and report, full speed", at_full_speed, FULL, 1.25);
    measure("send and report, 5000 messages/s", at_pace, PACED, 1.25);
    stack_stop(&s);
    return 0;
}
