/* See raw_table.h. Small files, read by people first: whatever is not understood ends the program.
 */
#include "raw_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (4 << 20)
#define NAMES     128
#define COLUMNS   5

struct name {
    char *text, *value;
};

struct load {
    const char *path;
    int line;
    char port; /* 'i' */
    struct name names[NAMES];
    size_t nnames;
    struct raw_table *out;
};

__attribute__((noreturn)) static void bad(const struct load *l, const char *what) {
    fprintf(stderr, "%s:%d: %s\n", l->path, l->line, what);
    exit(1);
}

static void *some(void *p) {
    if (!p) {
        fprintf(stderr, "no memory for the table of requests\n");
        exit(1);
    }
    return p;
}

static char *trimmed(const char *from, const char *end) {
    while (from < end && *from == ' ') {
        from++;
    }
    while (from < end && end[-1] == ' ') {
        end--;
    }
    return some(strndup(from, (size_t)(end - from)));
}

static const char *expand(const struct load *l, const char *p, struct px_buf *out);

static void expand_all(const struct load *l, const char *p, struct px_buf *out) {
    while (*p) {
        p = expand(l, p, out);
    }
}

/* "12*text)": as often as it says. */
static void repeat(const struct load *l, const char *inner, struct px_buf *out) {
    char *text = NULL;
    unsigned long n = strtoul(inner, &text, 10);
    if (*text != '*' || n == 0 || n > BYTES_MAX) {
        bad(l, "a repetition is $(12*text)");
    }
    for (unsigned long i = 0; i < n; i++) {
        expand_all(l, text + 1, out);
    }
}

/* "$(name)" or "$(12*text)"; text holds no brackets. */
static const char *dollar(const struct load *l, const char *p, struct px_buf *out) {
    const char *end = p[0] == '(' ? strchr(p, ')') : NULL;
    if (p[0] == '$') {
        px_buf_byte(out, '$');
        return p + 1;
    }
    if (!end) {
        bad(l, "$ begins $(name), $(12*text) or $$");
    }
    char *inner = trimmed(p + 1, end);
    const char *value = NULL;
    for (size_t i = 0; i < l->nnames; i++) {
        value = strcmp(l->names[i].text, inner) == 0 ? l->names[i].value : value;
    }
    if (value) {
        expand_all(l, value, out);
    } else if (inner[0] >= '0' && inner[0] <= '9') {
        repeat(l, inner, out);
    } else {
        bad(l, "a $(name) that no @ line before defines");
    }
    free(inner);
    return end + 1;
}

static const char *escape(const struct load *l, const char *p, struct px_buf *out) {
    static const char names[] = "rntvf0b\\|", bytes[] = "\r\n\t\v\f\0 \\|";
    const char *at = *p ? strchr(names, *p) : NULL;
    if (*p == 'x' && p[1] && p[2] && px_hex_digit(p[1]) >= 0 && px_hex_digit(p[2]) >= 0) {
        px_buf_byte(out, (uint8_t)(px_hex_digit(p[1]) * 16 + px_hex_digit(p[2])));
        return p + 3;
    }
    if (!at) {
        bad(l, "an escape is one of \\r \\n \\t \\v \\f \\0 \\b (blank) \\\\ \\| \\xNN");
    }
    px_buf_byte(out, (uint8_t)bytes[at - names]);
    return p + 1;
}

static const char *expand(const struct load *l, const char *p, struct px_buf *out) {
    if (*p == '$') {
        return dollar(l, p + 1, out);
    }
    if (*p == '\\') {
        return escape(l, p + 1, out);
    }
    px_buf_byte(out, (uint8_t)*p);
    return p + 1;
}

/* "@name = value", or "@name.i = value" for one port. */
static void define(struct load *l, const char *line) {
    const char *eq = strchr(line, '=');
    if (!eq || l->nnames == NAMES) {
        bad(l, "a definition is @name = text, and there are at most 128");
    }
    char *name = trimmed(line + 1, eq);
    char *dot = strchr(name, '.');
    if (dot && dot[1] != l->port) {
        free(name);
        return;
    }
    if (dot) {
        *dot = '\0';
    }
    l->names[l->nnames++] = (struct name){.text = name, .value = trimmed(eq + 1, strchr(eq, '\0'))};
}

static enum raw_end end_of(const struct load *l, const char *word) {
    static const char *const words[] = {"open", "closed", "cut"};
    for (size_t i = 0; i < PX_ARRAY_LEN(words); i++) {
        if (strcmp(word, words[i]) == 0) {
            return (enum raw_end)i;
        }
    }
    bad(l, "the end is open, closed or cut");
}

/* "name | ports | answers | end | bytes" */
static void row(struct load *l, const char *line) {
    char *column[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) {
        const char *bar = i + 1 < COLUMNS ? strchr(line, '|') : strchr(line, '\0');
        if (!bar) {
            bad(l, "a row is: name | ports | answers | end | bytes");
        }
        column[i] = trimmed(line, bar);
        line = bar + 1;
    }
    if (strspn(column[1], "ima") != strlen(column[1])) {
        bad(l, "ports are letters of i, m and a");
    }
    enum raw_end end = end_of(l, column[3]);
    if (strchr(column[1], l->port)) {
        struct raw_table *t = l->out;
        t->rows = some(realloc(t->rows, (t->n + 1) * sizeof *t->rows));
        struct raw_row *r = &t->rows[t->n++];
        *r = (struct raw_row){.name = some(strdup(column[0])),
                              .answers = some(strdup(column[2])),
                              .end = end,
                              .line = l->line,
                              .bytes = PX_BUF_INIT(BYTES_MAX)};
        expand_all(l, column[4], &r->bytes);
        if (px_buf_ok(&r->bytes, NULL)) {
            bad(l, "too many bytes");
        }
    }
    for (size_t i = 0; i < COLUMNS; i++) {
        free(column[i]);
    }
}

static void entry(struct load *l, const char *text) {
    if (text[0] == '@') {
        define(l, text);
    } else if (text[0] != '\0') {
        row(l, text);
    }
}

/* Lines that begin with a blank go on with the line before. */
void raw_table_load(const char *path, enum raw_port port, struct raw_table *ret) {
    struct load l = {.path = path, .port = "ima"[port], .out = ret};
    FILE *f = fopen(path, "r");
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(BYTES_MAX);
    char *line = NULL;
    size_t cap = 0;
    int at = 0;
    *ret = (struct raw_table){.n = 0};
    if (!f) {
        bad(&l, "cannot be read");
    }
    while (getline(&line, &cap, f) >= 0) {
        at++;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0') {
            continue;
        }
        if (line[0] != ' ') {
            entry(&l, px_buf_cstr(&text));
            px_buf_reset(&text);
            l.line = at;
        }
        px_buf_c(&text, line + strspn(line, " "));
    }
    entry(&l, px_buf_cstr(&text));
    free(line);
    fclose(f);
    for (size_t i = 0; i < l.nnames; i++) {
        free(l.names[i].text);
        free(l.names[i].value);
    }
}

void raw_table_free(struct raw_table *t) {
    for (size_t i = 0; i < t->n; i++) {
        free(t->rows[i].name);
        free(t->rows[i].answers);
        px_buf_fini(&t->rows[i].bytes);
    }
    free(t->rows);
    *t = (struct raw_table){.n = 0};
}
