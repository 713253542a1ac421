/* svc-ingest turns senders away that send too much: each address by itself, with the time after
 * which it is worth trying again, and nobody else. */
#include "unit.h"

#include "ingest_rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <px/buf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENT "{\"eventType\":\"visit\",\"playerId\":\"p\",\"bannerTag\":\"b\"}"
#define PIXEL "/api/pixel/visit?playerId=p&bannerTag=b"

static int limits_setup(void **state) {
    static const char *const sets[] = {"Limit:Exempt=127.0.0.64/26", "Limit:AddressRate=1",
                                       "Limit:AddressBurst=20", NULL};
    static struct ingest_rig rig;

    ingest_rig_open(&rig, sets);
    *state = &rig;
    return 0;
}

static int limits_teardown(void **state) {
    ingest_rig_close(*state);
    return 0;
}

struct said {
    int status;
    char text[4096]; /* head and body */
};

/* One request from the address ${from} of this machine, on a connection of its own. */
static struct said ask_from(const struct ingest_rig *r, const char *from, const char *request) {
    struct sockaddr_in self = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    struct said s = {.status = 0};
    size_t n = 0;

    assert_int_equal(inet_pton(AF_INET, from, &self.sin_addr), 1);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)r->port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&self, sizeof self), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    for (ssize_t got;
         n < sizeof s.text - 1 && (got = recv(fd, s.text + n, sizeof s.text - 1 - n, 0)) > 0;) {
        n += (size_t)got;
    }
    close(fd);
    assert_int_equal(sscanf(s.text, "HTTP/1.1 %d", &s.status), 1);
    return s;
}

static struct said get_from(const struct ingest_rig *r, const char *from, const char *target,
                            const char *fields) {
    char request[512];

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n%sConnection: close\r\n\r\n",
             target, fields);
    return ask_from(r, from, request);
}

static struct said batch_from(const struct ingest_rig *r, const char *from, int n) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);
    PX_DEFER(px_buf_fini) struct px_buf body = PX_BUF_INIT(65536);

    for (int i = 0; i < n; i++) {
        px_buf_c(&body, i ? "," EVENT : "[" EVENT);
    }
    px_buf_c(&body, "]");
    px_buf_printf(&b,
                  "POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  "Connection: close\r\nContent-Length: %zu\r\n\r\n",
                  body.n);
    px_buf_str(&b, px_buf_view(&body));
    return ask_from(r, from, px_buf_cstr(&b));
}

/* Retry-After; -1: none. */
static long wait_of(const struct said *s) {
    const char *at = strstr(s->text, "Retry-After: ");

    return at ? strtol(at + 13, NULL, 10) : -1;
}

static bool holds(const struct said *s, const char *what) {
    return strstr(s->text, what) != NULL;
}

static void test_limits_turn_one_address_away(void **state) {
    long before = ingest_rig_metric(*state, "px_requests_denied_total{reason=\"address_rate\"}");

    assert_int_equal(batch_from(*state, "127.0.0.1", 60).status, 200);
    struct said s = get_from(*state, "127.0.0.1", PIXEL, "");
    assert_int_equal(s.status, 429);
    assert_true(holds(&s, "X-Error-Code: address_rate\r\n"));
    assert_in_range(wait_of(&s), 30, 41); /* 60 and one, less than 20, at one a second */
    assert_true(holds(&s, "application/problem+json") && holds(&s, "\"retryable\":true"));
    s = get_from(*state, "127.0.0.1", PIXEL, "Accept: image/webp,*/*\r\n");
    assert_int_equal(s.status, 429);
    assert_true(holds(&s, "Content-Type: image/gif\r\n") && holds(&s, "GIF89a"));
    assert_true(holds(&s, "X-Error-Code: address_rate\r\n"));

    assert_int_equal(get_from(*state, "127.0.0.2", PIXEL, "").status, 200);
    assert_int_equal(
        ingest_rig_metric(*state, "px_requests_denied_total{reason=\"address_rate\"}") - before, 2);
}

static void test_limits_count_everything_that_is_asked(void **state) {
    static const char *const asks[] = {"/wp-login.php", "/api/pixel/visit?playerId="};
    static const int wants[] = {404, 400};
    int n = 0;

    for (; n < 200; n++) {
        int got = get_from(*state, "127.0.0.3", asks[n % 2], "").status;
        if (got == 429) {
            break;
        }
        assert_int_equal(got, wants[n % 2]);
    }
    assert_in_range(n, 20, 199);
}

/* Larger than the bucket: taken when it is full, as whole as it came, and waited for. */
static void test_limits_take_a_large_batch_once(void **state) {
    struct said s = batch_from(*state, "127.0.0.4", 120);

    assert_int_equal(s.status, 200);
    assert_true(holds(&s, "\"accepted\":120,"));
    s = get_from(*state, "127.0.0.4", PIXEL, "");
    assert_int_equal(s.status, 429);
    assert_in_range(wait_of(&s), 80, 101);
    s = batch_from(*state, "127.0.0.4", 120);
    assert_int_equal(s.status, 429);
    assert_in_range(wait_of(&s), 80, 101);
}

/* A batch that finds one token but not all of them is refused as a whole, and told for how long. */
static void test_limits_refuse_a_batch_as_a_whole(void **state) {
    assert_int_equal(batch_from(*state, "127.0.0.5", 15).status, 200);
    struct said s = batch_from(*state, "127.0.0.5", 12);
    assert_int_equal(s.status, 429);
    assert_in_range(wait_of(&s), 1, 8);
    assert_false(holds(&s, "results"));
    assert_int_equal(batch_from(*state, "127.0.0.5", 4).status, 200);
}

static void test_limits_leave_exempt_networks_alone(void **state) {
    for (int i = 0; i < 3; i++) {
        assert_int_equal(batch_from(*state, "127.0.0.66", 120).status, 200);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_turn_one_address_away),
        cmocka_unit_test(test_limits_count_everything_that_is_asked),
        cmocka_unit_test(test_limits_take_a_large_batch_once),
        cmocka_unit_test(test_limits_refuse_a_batch_as_a_whole),
        cmocka_unit_test(test_limits_leave_exempt_networks_alone),
    };
    return cmocka_run_group_tests(tests, limits_setup, limits_teardown);
}
