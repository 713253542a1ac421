/* Loads one YAML file by a libcyaml schema, behind a gate for what libcyaml lets through.
 * Knows nothing of events or rollups; the loaders beside it turn the strings into meaning. */
#include "yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <px/buf.h>
#include <px/mem.h>

/* What libcyaml says about a failure: the first line is the reason, the lines of its backtrace walk
 * from the innermost place outwards. They are turned round into "types[2].attributes[0]". */
#define MAX_STEPS 8
struct complaint {
    char text[96];
    char step[MAX_STEPS][40];
    size_t steps;
    unsigned line;
};

static void note_step(struct complaint *c, const char *line) {
    unsigned at = 0;
    char name[32];
    unsigned entry = 0;
    const char *where = strstr(line, "(line: ");
    if (where && c->line == 0 && sscanf(where, "(line: %u", &at) == 1) {
        c->line = at;
    }
    if (c->steps == MAX_STEPS) {
        return;
    }
    if (sscanf(line, "in mapping field '%31[^']'", name) == 1) {
        snprintf(c->step[c->steps++], sizeof c->step[0], ".%s", name);
    } else if (sscanf(line, "in sequence entry '%u'", &entry) == 1 && entry > 0) {
        /* libcyaml counts from one. */
        snprintf(c->step[c->steps++], sizeof c->step[0], "[%u]", entry - 1);
    }
}

static void PX_PRINTF(3, 0) listen(cyaml_log_t level, void *ctx, const char *fmt, va_list args) {
    struct complaint *c = ctx;
    char line[160];
    if (level < CYAML_LOG_WARNING) {
        return;
    }
    int n = vsnprintf(line, sizeof line, fmt, args);
    if (n <= 0) {
        return;
    }
    line[strcspn(line, "\n")] = '\0';
    const char *text = strncmp(line, "Load: ", 6) == 0 ? line + 6 : line;
    while (*text == ' ') {
        text++;
    }
    if (strncmp(text, "in ", 3) == 0) {
        note_step(c, text);
    } else if (c->text[0] == '\0' && strcmp(text, "Backtrace:") != 0) {
        snprintf(c->text, sizeof c->text, "%.95s", text);
    }
}

static void *memory(void *ctx, void *p, size_t n) {
    (void)ctx;
    if (n == 0) {
        px_free(p);
        return NULL;
    }
    return px_realloc(p, n);
}

static cyaml_config_t config(struct complaint *c) {
    return (cyaml_config_t){
        .log_fn = c ? listen : NULL,
        .log_ctx = c,
        .mem_fn = memory,
        .log_level = CYAML_LOG_WARNING,
        .flags = CYAML_CFG_NO_ALIAS,
    };
}

const char *px_yaml_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool px_yaml_name_ok(const char *s, const char *extra, size_t max) {
    if (!s || *s < 'a' || *s > 'z') {
        return false;
    }
    size_t n = 0;
    for (; s[n]; n++) {
        char ch = s[n];
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');
        if (!plain && !strchr(extra, ch)) {
            return false;
        }
    }
    return n <= max;
}

/* O_NONBLOCK: opening a FIFO must not hang a service that reads the file again; it is refused just
 * below. */
static FILE *open_file(const char *path, struct px_err *reterr) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    bool other = fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode);
    FILE *f = fd >= 0 && !other ? fdopen(fd, "rb") : NULL;
    if (!f) {
        PX_IGNORE(PX_FAIL(reterr, PX_CONFIG, "%.120s: cannot be opened: %s", path,
                          other ? "is not a regular file" : strerror(errno)));
        if (fd >= 0) {
            close(fd);
        }
    }
    return f;
}

static enum px_code read_file(const char *path, struct px_buf *text, struct px_err *reterr) {
    FILE *f = open_file(path, reterr);
    if (!f) {
        return PX_CONFIG;
    }
    size_t got;
    char *to;
    do {
        to = px_buf_reserve(text, 4096);
        got = to ? fread(to, 1, 4096, f) : 0;
        text->n += got;
    } while (got > 0);
    bool bad = ferror(f) != 0;
    fclose(f);
    if (bad) {
        return PX_FAIL(reterr, PX_CONFIG, "%.120s: cannot be read", path);
    }
    if (px_buf_ok(text, NULL) == PX_NOMEM) {
        return PX_FAIL(reterr, PX_NOMEM, "%.120s: no memory", path);
    }
    if (text->failed || text->n > PX_YAML_MAX_BYTES) {
        return PX_FAIL(reterr, PX_CONFIG, "%.120s: is larger than %d KiB", px_yaml_base(path),
                       PX_YAML_MAX_BYTES / 1024);
    }
    return PX_OK;
}

static bool is_marker(struct px_str line, const char *three) {
    return line.n >= 3 && memcmp(line.p, three, 3) == 0 &&
           (line.n == 3 || line.p[3] == ' ' || line.p[3] == '\t');
}

static bool is_blank(struct px_str line) {
    size_t i = 0;
    while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t')) {
        i++;
    }
    return i == line.n || line.p[i] == '#';
}

static bool has_escape(struct px_str line) {
    for (size_t i = 0; i < line.n && line.p[i] != '#'; i++) {
        if (line.p[i] == '\\') {
            return true;
        }
    }
    return false;
}

/* What is wrong with one line; NULL when nothing is. ${state} remembers whether content was seen
 * (bit 0), whether a document was opened by a marker (bit 1) or ended (bit 2). */
enum {
    SEEN = 1,
    OPENED = 2,
    ENDED = 4
};
static const char *judge_line(struct px_str line, unsigned *state) {
    for (size_t i = 0; i < line.n; i++) {
        if ((uint8_t)line.p[i] < 0x20 && line.p[i] != '\t') {
            return "holds a control character";
        }
    }
    if (is_blank(line)) {
        return NULL;
    }
    if (is_marker(line, "...")) {
        *state |= ENDED;
        return NULL;
    }
    if (is_marker(line, "---")) {
        if (*state) {
            return "begins a second document; there must be only one";
        }
        *state = line.n > 3 && !is_blank((struct px_str){line.p + 3, line.n - 3}) ? OPENED | SEEN
                                                                                  : OPENED;
        return NULL;
    }
    if (*state & ENDED) {
        return "follows the end of the document";
    }
    if (line.p[0] == '%') {
        return "is a YAML directive; none is used here";
    }
    if (has_escape(line)) {
        return "holds a backslash; no value here needs one";
    }
    *state |= SEEN;
    return NULL;
}

/* Document markers stand at the start of a line and nowhere else, so a look at each line is exact.
 */
static enum px_code gate(const char *base, struct px_str text, struct px_err *reterr) {
    if (!px_utf8_valid(text)) {
        return PX_FAIL(reterr, PX_CONFIG, "%s: is not valid UTF-8", base);
    }
    unsigned state = 0;
    unsigned number = 0;
    while (text.n) {
        struct px_str line = px_str_part(&text, '\n');
        if (line.n && line.p[line.n - 1] == '\r') {
            line.n--;
        }
        number++;
        const char *wrong = judge_line(line, &state);
        if (wrong) {
            return PX_FAIL(reterr, PX_CONFIG, "%s: line %u %s", base, number, wrong);
        }
    }
    return state & SEEN ? PX_OK : PX_FAIL(reterr, PX_CONFIG, "%s: is empty", base);
}

static enum px_code report(const char *base, cyaml_err_t rc, const struct complaint *c,
                           struct px_err *reterr) {
    if (rc == CYAML_ERR_OOM) {
        return PX_FAIL(reterr, PX_NOMEM, "%s: no memory", base);
    }
    char place[MAX_STEPS * 40 + 1];
    size_t n = 0;
    place[0] = '\0';
    /* When a key is missing, the innermost step is the last key that was there: misleading. */
    bool missing = rc == CYAML_ERR_MAPPING_FIELD_MISSING && c->steps && c->step[0][0] == '.';
    for (size_t i = c->steps; i > (missing ? 1 : 0); i--) {
        const char *step = c->step[i - 1] + (n == 0 && c->step[i - 1][0] == '.');
        n += (size_t)snprintf(place + n, sizeof place - n, "%s", step);
    }
    const char *why = c->text[0] ? c->text : cyaml_strerror(rc);
    return PX_FAIL(reterr, PX_CONFIG, "%s: %s%s%s (near line %u)", base, place, n ? ": " : "", why,
                   c->line);
}

enum px_code px_yaml_load(const char *path, const struct cyaml_schema_value *schema, void **ret,
                          struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(PX_YAML_MAX_BYTES + 4096);
    const char *base = px_yaml_base(path);
    enum px_code rc = read_file(path, &text, reterr);
    if (rc) {
        return rc;
    }
    rc = gate(base, px_buf_view(&text), reterr);
    if (rc) {
        return rc;
    }
    struct complaint complaint = {.text = ""};
    cyaml_config_t cfg = config(&complaint);
    void *data = NULL;
    cyaml_err_t bad = cyaml_load_data((const uint8_t *)text.p, text.n, &cfg, schema, &data, NULL);
    if (bad != CYAML_OK) {
        return report(base, bad, &complaint, reterr);
    }
    if (!data) {
        return PX_FAIL(reterr, PX_CONFIG, "%s: is empty", base);
    }
    *ret = data;
    return PX_OK;
}

void px_yaml_free(const struct cyaml_schema_value *schema, void *data) {
    if (data) {
        cyaml_config_t cfg = config(NULL);
        PX_IGNORE(cyaml_free(&cfg, schema, data, 0)); /* fails only on a wrong schema */
    }
}
