/* Runs a fuzz target over its corpus without libFuzzer: every file of tests/fuzz/corpus/<target>,
 * then what the target brings itself. Its own name says which: replay_<target>. TAP, one result.
 *   replay_<target> [FILE...]        those files instead
 *   replay_<target> --seeds DIR      write what the target brings into DIR, for libFuzzer */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX ((size_t)4 << 20)

static size_t inputs;
static const char *seeds; /* where to write instead of running */

/* In an allocation of just its size, so that the address sanitizer sees a byte read too far. */
static void run(const char *name, struct px_str bytes) {
    uint8_t *exact = malloc(bytes.n ? bytes.n : 1);
    FUZZ_CHECK(exact);
    if (bytes.n) {
        memcpy(exact, bytes.p, bytes.n);
    }
    printf("# %s\n", name);
    fflush(stdout); /* the name stands there when the next line does not come back */
    LLVMFuzzerTestOneInput(exact, bytes.n);
    free(exact);
    inputs++;
}

static void write_seed(const char *name, struct px_str bytes) {
    char path[512];
    snprintf(path, sizeof path, "%s/%zu", seeds, inputs++);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes.p, 1, bytes.n, f) != bytes.n || fclose(f) != 0) {
        fprintf(stderr, "%s: cannot be written (%s)\n", path, name);
        exit(1);
    }
}

static void run_file(const char *path) {
    FILE *f = fopen(path, "rb");
    char *text = malloc(INPUT_MAX);
    if (!f || !text) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    size_t n = fread(text, 1, INPUT_MAX, f);
    fclose(f);
    run(path, (struct px_str){.p = text, .n = n});
    free(text);
}

static void run_folder(const char *dir) {
    struct dirent **entries = NULL;
    int n = scandir(dir, &entries, NULL, alphasort);
    if (n < 0) {
        fprintf(stderr, "%s: cannot be read; run this from the root of the tree\n", dir);
        exit(1);
    }
    for (int i = 0; i < n; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            run_file(path);
        }
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv) {
    const char *self = strrchr(argv[0], '_');
    char dir[256];
    if (!self) {
        fprintf(stderr, "usage: replay_<target> [FILE... | --seeds DIR]\n");
        return 64;
    }
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
        seeds = argv[2];
        if (fuzz_more) {
            fuzz_more(write_seed);
        }
        return 0;
    }
    for (int i = 1; i < argc; i++) {
        run_file(argv[i]);
    }
    if (argc == 1) {
        snprintf(dir, sizeof dir, "tests/fuzz/corpus/%s", self + 1);
        run_folder(dir);
        if (fuzz_more) {
            fuzz_more(run);
        }
    }
    printf("%s 1 - corpus of %s: %zu inputs\n1..1\n", inputs ? "ok" : "not ok", self + 1, inputs);
    return inputs ? 0 : 1;
}
