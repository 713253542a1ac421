/* Catalogs and rollups for tests: temp files, edited copies of schemas/, plain events. */
#include "model_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit.h"

void model_file_text(struct model_file *f, const char *name, struct px_str text) {
    const char *tmp = getenv("TMPDIR");
    snprintf(f->dir, sizeof f->dir, "%s/px-model-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/%s", f->dir, name);
    FILE *out = fopen(f->path, "wbe");
    assert_non_null(out);
    assert_int_equal(fwrite(text.p ? text.p : "", 1, text.n, out), text.n);
    assert_int_equal(fclose(out), 0);
}

static void read_whole(const char *path, struct px_buf *to) {
    FILE *in = fopen(path, "rbe");
    if (!in) {
        fail_msg("%s cannot be opened: run from the top of the tree", path);
        return;
    }
    char part[4096];
    for (size_t n = fread(part, 1, sizeof part, in); n; n = fread(part, 1, sizeof part, in)) {
        px_buf_add(to, part, n);
    }
    fclose(in);
}

static void replace_all(struct px_str text, const char *find, const char *put, struct px_buf *to) {
    size_t n = strlen(find);
    size_t hits = 0;
    for (size_t i = 0; i < text.n;) {
        if (text.n - i >= n && memcmp(text.p + i, find, n) == 0) {
            px_buf_c(to, put);
            i += n;
            hits++;
        } else {
            px_buf_byte(to, (uint8_t)text.p[i++]);
        }
    }
    if (hits == 0) {
        fail_msg("\"%s\" is not in the file", find);
    }
}

void model_file_copy(struct model_file *f, const char *source, const char *find, const char *put) {
    PX_DEFER(px_buf_fini) struct px_buf from = PX_BUF_INIT(1 << 20);
    PX_DEFER(px_buf_fini) struct px_buf to = PX_BUF_INIT(1 << 20);
    read_whole(source, &from);
    if (find) {
        replace_all(px_buf_view(&from), find, put, &to);
    } else {
        px_buf_str(&to, px_buf_view(&from));
        px_buf_c(&to, put);
    }
    const char *slash = strrchr(source, '/');
    model_file_text(f, slash ? slash + 1 : source, px_buf_view(&to));
}

void model_file_fini(struct model_file *f) {
    unlink(f->path);
    rmdir(f->dir);
}

struct px_catalog *model_catalog(const char *path) {
    struct px_catalog *cat = NULL;
    struct px_err err = PX_ERR_INIT;
    if (px_catalog_load(path, &cat, &err)) {
        fail_msg("%s", err.msg);
    }
    return cat;
}

struct px_rollups *model_rollups(const char *path, const struct px_catalog *cat) {
    struct px_rollups *r = NULL;
    struct px_err err = PX_ERR_INIT;
    if (px_rollups_load(path, cat, &r, &err)) {
        fail_msg("%s", err.msg);
    }
    return r;
}

struct px_event model_event(const char *type, const char *player, const char *banner,
                            px_us received_at) {
    return (struct px_event){
        .event_type = px_str_c(type),
        .player_id = px_str_c(player),
        .banner_tag = px_str_c(banner),
        .received_at = received_at,
    };
}
