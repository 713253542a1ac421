/* px-devbroker: starts the cluster, says where it is, waits for a signal. Announces itself as
 * volatile, so that nobody takes it for a place to keep data. */
#include "devbroker.h"
#include <px/log.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void main_blocked_signals(sigset_t *ret) {
    sigemptyset(ret);
    sigaddset(ret, SIGTERM);
    sigaddset(ret, SIGINT);
    sigprocmask(SIG_BLOCK, ret, NULL); /* before any thread exists, so none takes them */
    signal(SIGPIPE, SIG_IGN);
}

static void main_log(void) {
    static char instance[24];
    snprintf(instance, sizeof instance, "%ld", (long)getpid());
    const struct px_log_conf log = {.service = "px-devbroker",
                                    .version = "",
                                    .instance = instance,
                                    .level = PX_LOG_INFO,
                                    .fd = STDERR_FILENO};
    px_log_init(&log);
}

static enum px_code main_run(const struct devbroker_conf *conf, const sigset_t *signals,
                             struct px_err *reterr) {
    struct devbroker *d = NULL;
    enum px_code rc = devbroker_start(conf, &d, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    if (conf->address_file) {
        rc = devbroker_announce(d, conf->address_file, reterr);
    }
    if (rc == PX_OK) {
        printf("%s\n", devbroker_bootstrap(d));
        fflush(stdout);
        px_log(PX_LOG_WARN, "devbroker.volatile", PX_F_C("kafka.brokers", devbroker_bootstrap(d)),
               PX_F_C("log.id", devbroker_log_id(d)),
               PX_F_C("remedy", "for data that matters use Apache Kafka: make stack"));
        int number = 0;
        sigwait(signals, &number);
        px_log(PX_LOG_INFO, "devbroker.stopped", PX_F_INT("signal", number));
    }
    devbroker_stop(d);
    return rc;
}

int main(int argc, char **argv) {
    sigset_t signals;
    struct devbroker_conf conf;
    struct px_err err = PX_ERR_INIT;
    main_blocked_signals(&signals);
    if (devbroker_args(argc, argv, &conf, &err)) {
        fprintf(stderr, "px-devbroker: %s\n%s", err.msg, devbroker_usage);
        return px_code_exit(err.code);
    }
    if (conf.help) {
        fputs(devbroker_usage, stdout);
        return 0;
    }
    main_log();
    if (main_run(&conf, &signals, &err)) {
        px_log(PX_LOG_ERROR, "devbroker.failed", PX_F_ERR(&err));
        return px_code_exit(err.code);
    }
    return 0;
}
