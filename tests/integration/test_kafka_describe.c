/* Looking at a cluster: what the probes of --check are told, with and without a broker; and the dev
 * broker as a process of its own. */
#include "kafka_bench.h"
#include "kafka_reader.h"
#include "proc.h"
#include <px/kafka_access.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_kafka_describe_topic(void **state) {
    (void)state;
    struct mock_kafka *m = mock_kafka_start(3);
    struct px_kafka_conf k = {.bootstrap = mock_kafka_bootstrap(m), .properties = ""};
    struct px_topic_info info = {.partitions = -7};
    struct px_err err = PX_ERR_INIT;
    mock_kafka_topic(m, "t", 10);
    px_us start = kafka_bench_now();
    assert_int_equal(px_kafka_describe(&k, "t", 5 * PX_US_PER_S, &info, &err), PX_OK);
    assert_true(kafka_bench_now() - start < 2 * PX_US_PER_S); /* without waiting for a controller */
    assert_int_equal(info.partitions, 10);
    assert_int_equal(info.replication, 3); /* the mock's own choice */
    assert_int_equal(info.brokers, 3);
    assert_int_equal(info.min_isr, -1); /* the mock knows no admin requests */
    assert_true(strlen(info.cluster_id) > 0);
    assert_int_equal(px_kafka_describe(&k, NULL, 5 * PX_US_PER_S, &info, &err), PX_OK);
    assert_int_equal(info.brokers, 3);
    assert_int_equal(info.partitions, 0);

    mock_kafka_topic_error(m, "missing", MOCK_KAFKA_UNKNOWN_TOPIC);
    info.partitions = -7;
    assert_int_equal(px_kafka_describe(&k, "missing", 5 * PX_US_PER_S, &info, &err), PX_NOT_FOUND);
    assert_non_null(strstr(err.msg, "missing"));
    assert_int_equal(info.partitions, -7);
    mock_kafka_topic_error(m, "secret", MOCK_KAFKA_TOPIC_DENIED);
    assert_int_equal(px_kafka_describe(&k, "secret", 5 * PX_US_PER_S, &info, &err), PX_DENIED);

    struct px_topic_spec spec = {.name = "t", .partitions = 10, .replication = 1};
    assert_int_equal(px_kafka_create_topic(&k, &spec, 5 * PX_US_PER_S, &err), PX_OK);
    spec.name = "missing";
    assert_int_equal(px_kafka_create_topic(&k, &spec, 5 * PX_US_PER_S, &err), PX_UNSUPPORTED);
    mock_kafka_stop(m);
}

/* A broker may keep back the name of its cluster: that is known at once, and takes none of the time
 * that the other questions have. */
static void test_kafka_describe_without_cluster_id(void **state) {
    (void)state;
    struct mock_kafka *m = mock_kafka_start(1);
    struct px_kafka_conf k = {.bootstrap = mock_kafka_bootstrap(m),
                              .properties =
                                  "api.version.request=false;broker.version.fallback=0.9.0"};
    struct px_topic_info info;
    struct px_err err = PX_ERR_INIT;
    mock_kafka_topic(m, "t", 3);
    px_us start = kafka_bench_now();
    assert_int_equal(px_kafka_describe(&k, "t", 20 * PX_US_PER_S, &info, &err), PX_OK);
    assert_true(kafka_bench_now() - start < 10 * PX_US_PER_S);
    assert_int_equal(info.partitions, 3);
    assert_string_equal(info.cluster_id, "");
    mock_kafka_stop(m);
}

/* A port that refuses: bound and closed again, so that nobody listens. */
static int refusing_port(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static void test_kafka_describe_unreachable(void **state) {
    (void)state;
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", refusing_port());
    struct px_kafka_conf k = {.bootstrap = address, .properties = ""};
    struct px_topic_info info;
    struct px_err err = PX_ERR_INIT;
    px_us start = kafka_bench_now();
    assert_int_equal(px_kafka_describe(&k, "t", PX_US_PER_S, &info, &err), PX_UNAVAILABLE);
    assert_true(kafka_bench_now() - start < 4 * PX_US_PER_S);
    assert_non_null(strstr(err.msg, address));
    assert_non_null(strstr(err.msg, "refused"));
    struct px_topic_spec spec = {.name = "t", .partitions = 1, .replication = 1};
    assert_int_equal(px_kafka_create_topic(&k, &spec, PX_US_PER_S, &err), PX_UNAVAILABLE);
    k.properties = "acks=1";
    assert_int_equal(px_kafka_describe(&k, "t", PX_US_PER_S, &info, &err), PX_CONFIG);
}

static bool stop_at_fifth(void *arg) {
    int *asked = arg;
    return ++*asked >= 5;
}

/* Whoever waits says when it is enough: of a broker that refuses, and of one that never answers. */
static void test_kafka_describe_is_stopped(void **state) {
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int mute = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(mute, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(mute, 8), 0);
    assert_int_equal(getsockname(mute, (struct sockaddr *)&a, &n), 0);
    const int ports[] = {refusing_port(), ntohs(a.sin_port)};
    for (size_t i = 0; i < PX_ARRAY_LEN(ports); i++) {
        char address[32];
        int asked = 0;
        snprintf(address, sizeof address, "127.0.0.1:%d", ports[i]);
        struct px_kafka_conf k = {.bootstrap = address, .properties = ""};
        struct px_topic_look look = {
            .topic = "t", .timeout = 20 * PX_US_PER_S, .stop = stop_at_fifth, .arg = &asked};
        struct px_topic_info info;
        struct px_err err = PX_ERR_INIT;
        px_us start = kafka_bench_now();
        assert_int_equal(px_kafka_describe_unless(&k, &look, &info, &err), PX_CANCELLED);
        assert_true(kafka_bench_now() - start < 5 * PX_US_PER_S);
        assert_non_null(strstr(err.msg, address));
    }
    close(mute);
}

/* --- the dev broker --------------------------------------------------------------------------- */

static void devbroker_value(const char *path, const char *name, char *out, size_t cap) {
    char line[512];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    out[0] = 0;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, name, strlen(name)) == 0) {
            snprintf(out, cap, "%s", line + strlen(name));
        }
    }
    fclose(f);
}

static void devbroker_life(char log_id[64]) {
    char file[300], bootstrap[256];
    snprintf(file, sizeof file, "%s/address", proc_tmpdir());
    unlink(file);
    struct proc p = {.pid = 0};
    const char *const argv[] = {proc_bin("px-devbroker"), "--topic", "EVT:10", "--brokers", "3",
                                "--address-file",         file,      NULL};
    const char *const env[] = {NULL};
    proc_start(&p, argv, env);
    assert_true(proc_log_wait(&p, "devbroker.volatile", 20));
    devbroker_value(file, "KAFKA_BOOTSTRAP=", bootstrap, sizeof bootstrap);
    devbroker_value(file, "KAFKA_LOG_ID=", log_id, 64);
    struct px_kafka_conf k = {.bootstrap = bootstrap, .properties = ""};
    struct px_topic_info info;
    assert_int_equal(px_kafka_describe(&k, "EVT", 10 * PX_US_PER_S, &info, NULL), PX_OK);
    assert_int_equal(info.partitions, 10);
    assert_int_equal(info.replication, 3);
    assert_int_equal(proc_stop(&p), 0);
}

static void test_kafka_devbroker(void **state) {
    (void)state;
    char first[64], second[64];
    devbroker_life(first);
    devbroker_life(second);
    assert_int_equal(strncmp(first, "dev-", 4), 0);
    assert_string_not_equal(first, second); /* another life, another log */
}

static void test_kafka_devbroker_usage(void **state) {
    (void)state;
    static const char *const rows[][3] = {
        {"--topic", "a", "NAME:PARTITIONS"},        {"--topic", "a:0", "partitions are"},
        {"--topic", ":3", "NAME:PARTITIONS"},       {"--brokers", "0", "allowed are"},
        {"--brokers", "2x", "allowed are"},         {"--port=9092", "--help", "--port=9092"},
        {"--address-file", NULL, "--address-file"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        char out[4096];
        const char *const argv[] = {proc_bin("px-devbroker"), rows[i][0], rows[i][1], NULL};
        const char *const env[] = {NULL};
        assert_int_equal(proc_run(argv, env, out, sizeof out), 64);
        assert_non_null(strstr(out, rows[i][2]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kafka_describe_topic),
        cmocka_unit_test(test_kafka_describe_without_cluster_id),
        cmocka_unit_test(test_kafka_describe_unreachable),
        cmocka_unit_test(test_kafka_describe_is_stopped),
        cmocka_unit_test(test_kafka_devbroker),
        cmocka_unit_test(test_kafka_devbroker_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
