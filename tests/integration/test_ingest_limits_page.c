/* The examples of docs/LIMITS.md: each command runs as it stands there, and its answer begins as
 * the page says. The one that is about a limit runs from an address that has reached it. */
#include "unit.h"

#include "ingest_rig.h"

#include <px/keys.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE "docs/LIMITS.md"

struct example {
    char command[1000];
    char says[20][200]; /* status line and fields: what does not differ from time to time */
    size_t n;
};

static struct {
    struct ingest_rig rig;
    struct example v[20];
    size_t n;
} page;

static bool begins(const char *line, const char *with) {
    return strncmp(line, with, strlen(with)) == 0;
}

static void read_line(char *line, bool *in_code, struct example **open) {
    line[strcspn(line, "\n")] = '\0';
    if (begins(line, "```")) {
        *in_code = !*in_code;
        *open = NULL;
    } else if (*in_code && begins(line, "$ ")) {
        assert_true(page.n < PX_ARRAY_LEN(page.v));
        *open = &page.v[page.n++];
        snprintf((*open)->command, sizeof(*open)->command, "%s", line + 2);
    } else if (*open && (*open)->n == 0 && begins(line, "    ")) {
        size_t n = strlen((*open)->command); /* goes on: "... \" */
        assert_true(n && (*open)->command[n - 1] == '\\');
        snprintf((*open)->command + n - 1, sizeof(*open)->command - n + 1, "%s", line + 3);
    } else if (*open && (begins(line, "HTTP/") || begins(line, "Content-Type: ") ||
                         begins(line, "X-Error-Code: ") || begins(line, "WWW-Auth") ||
                         begins(line, "The key, for") || begins(line, "    scopes: "))) {
        assert_true((*open)->n < PX_ARRAY_LEN((*open)->says));
        snprintf((*open)->says[(*open)->n++], sizeof(*open)->says[0], "%.199s", line);
    }
}

static int page_setup(void **state) {
    static char file[330];
    const char *sets[] = {"Limit:Exempt=", "Limit:AddressRate=1", "Limit:AddressBurst=20", file,
                          NULL};
    const char *argv[] = {proc_bin("svc-ingest"), "--make-key", "billing", "--scopes", "ip", NULL};
    char line[1000], path[300], out[2000];
    bool in_code = false;
    struct example *open = NULL;

    FILE *in = fopen(PAGE, "re");
    assert_non_null(in);
    while (fgets(line, sizeof line, in)) {
        read_line(line, &in_code, &open);
    }
    fclose(in);
    assert_int_equal(proc_run(argv, NULL, out, sizeof out), 0);
    const char *key = strstr(out, "pxk_"), *row = strstr(out, "  - client:");
    assert_true(key && row);
    snprintf(path, sizeof path, "%s/keys.yaml", proc_tmpdir());
    FILE *to = fopen(path, "we");
    assert_non_null(to);
    fprintf(to, "keys:\n%s", row);
    assert_int_equal(fclose(to), 0);
    out[key - out + PX_KEY_TEXT] = '\0';
    assert_int_equal(setenv("KEY", key, 1), 0);
    snprintf(file, sizeof file, "Keys:File=%s", path);
    ingest_rig_open(&page.rig, sets);
    (void)state;
    return 0;
}

static int page_teardown(void **state) {
    (void)state;
    ingest_rig_close(&page.rig);
    return 0;
}

/* The command with this service in the place of the usual one. */
static void here(const char *command, char *out, size_t cap) {
    static const char usual[] = "127.0.0.1:8080", program[] = "svc-ingest ";
    const char *at = strstr(command, usual);

    if (at) {
        snprintf(out, cap, "%.*s127.0.0.1:%d%s", (int)(at - command), command, page.rig.port,
                 at + sizeof usual - 1);
    } else {
        assert_true(begins(command, program));
        snprintf(out, cap, "%s %s", proc_bin("svc-ingest"), command + sizeof program - 1);
    }
}

/* Runs ${command}; curl takes ${home}/.curlrc. */
static void shell(const char *command, const char *home, char *out, size_t cap) {
    char key[80], curl[300], there[1200];
    const char *argv[] = {"/bin/sh", "-c", there, NULL};
    const char *env[] = {key, curl, NULL};

    snprintf(key, sizeof key, "KEY=%s", getenv("KEY"));
    snprintf(curl, sizeof curl, "CURL_HOME=%s", home);
    here(command, there, sizeof there);
    int status = proc_run(argv, env, out, cap);
    if (status) {
        fail_msg("%s: ended with %d: %s", command, status, out);
    }
}

static void run(const struct example *e, const char *home) {
    char out[8000];

    shell(e->command, home, out, sizeof out);
    assert_true(e->n > 0);
    for (size_t i = 0; i < e->n; i++) {
        if (!strstr(out, e->says[i])) {
            fail_msg("%s: does not say \"%s\": %s", e->command, e->says[i], out);
        }
    }
}

/* Writes ${head}, ${n} times ${item} with commas between, and what ends it. */
static void put(const char *path, const char *head, unsigned n, const char *item) {
    FILE *to = fopen(path, "we");

    assert_non_null(to);
    fputs(head, to);
    for (unsigned i = 0; i < n; i++) {
        fprintf(to, "%s%s", i ? "," : "", item);
    }
    fputs(*head == '[' ? "]" : "", to);
    assert_int_equal(fclose(to), 0);
}

static bool is_about_a_limit(const struct example *e) {
    return e->n > 0 && strstr(e->says[0], " 429 ") != NULL;
}

static void test_page_is_true(void **state) {
    (void)state;

    assert_true(page.n >= 5);
    for (size_t i = 0; i < page.n; i++) {
        if (!is_about_a_limit(&page.v[i])) {
            run(&page.v[i], "/");
        }
    }
}

static void test_page_is_true_of_limits(void **state) {
    char path[300], out[40000], command[400];
    size_t n = 0;
    (void)state;

    snprintf(path, sizeof path, "%s/.curlrc", proc_tmpdir());
    put(path, "interface = 127.0.0.9\n", 1, "");
    snprintf(path, sizeof path, "%s/batch", proc_tmpdir());
    put(path, "[", 200, "{\"eventType\":\"visit\",\"playerId\":\"p\",\"bannerTag\":\"b\"}");
    snprintf(
        command, sizeof command,
        "curl -sS -i http://127.0.0.1:8080/api/events -H 'Content-Type: application/json' -d @%s",
        path);
    shell(command, proc_tmpdir(), out, sizeof out);
    assert_non_null(strstr(out, "200 OK")); /* ten times the bucket: minutes of debt */
    for (size_t i = 0; i < page.n; i++) {
        if (is_about_a_limit(&page.v[i])) {
            run(&page.v[i], proc_tmpdir());
            n++;
        }
    }
    assert_int_equal(n, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_is_true),
        cmocka_unit_test(test_page_is_true_of_limits),
    };
    return cmocka_run_group_tests(tests, page_setup, page_teardown);
}
