/* Our own two schemas at the registry: their files, their subjects, their ids. */
#include <px/registry.h>

#include <stdio.h>

enum px_code px_registry_file(const char *dir, const char *name, struct px_buf *out,
                              struct px_err *reterr) {
    char path[1200];
    snprintf(path, sizeof path, "%s/avro/%s", dir, name);
    FILE *f = fopen(path, "re");
    if (!f) {
        return px_err_errno(reterr, PX_CONFIG, PX_HERE, path);
    }
    char *p = px_buf_reserve(out, PX_REGISTRY_FILE_MAX);
    if (p) {
        out->n += fread(p, 1, PX_REGISTRY_FILE_MAX, f);
    }
    bool bad = ferror(f) != 0, more = p && fgetc(f) != EOF;
    fclose(f);
    if (bad || more) {
        return PX_FAIL(reterr, PX_CONFIG, "%s: %s", path,
                       bad ? "cannot be read" : "is larger than 64 KiB");
    }
    return px_buf_ok(out, reterr);
}

bool px_registry_subject(const char *topic, char *out, size_t cap) {
    int n = snprintf(out, cap, "%s-value", topic);
    return n > 0 && (size_t)n < cap;
}

static enum px_code find(struct px_registry *r, const struct px_registry_want *want,
                         const char *subject, struct px_registry_id *ret, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(PX_REGISTRY_FILE_MAX);
    enum px_code rc = px_registry_file(want->dir, want->name, &text, reterr);
    rc = rc ? rc : px_registry_find(r, subject, px_buf_view(&text), ret, reterr);
    if (rc == PX_NOT_FOUND) {
        return PX_FAIL(reterr, PX_SCHEMA,
                       "the registry does not hold %s under %s: run svc-ingest "
                       "--register-schemas=apply",
                       want->name, subject);
    }
    return rc ? px_err_context(reterr, "SchemaRegistry:Url") : PX_OK;
}

enum px_code px_registry_resolve(struct px_registry *r, const struct px_registry_want *want,
                                 uint32_t *ret_id, struct px_err *reterr) {
    char subject[512];
    struct px_registry_id found = {.id = 0};
    if (!px_registry_subject(want->topic, subject, sizeof subject)) {
        return PX_FAIL(reterr, PX_CONFIG, "%.60s...: too long a topic", want->topic);
    }
    enum px_code rc = find(r, want, subject, &found, reterr);
    if (rc == PX_OK) {
        *ret_id = found.id;
    }
    return rc;
}

enum px_code px_registry_judge(struct px_registry *r, const struct px_registry_want *want,
                               uint32_t *ret_id, struct px_err *reterr) {
    char subject[512];
    struct px_registry_level level = {.name = "none of its own"};
    enum px_code rc = px_registry_resolve(r, want, ret_id, reterr);
    if (rc || !px_registry_subject(want->topic, subject, sizeof subject)) {
        return rc;
    }
    rc = px_registry_level(r, subject, &level, reterr);
    if (rc && rc != PX_NOT_FOUND) {
        return px_err_context(reterr, "SchemaRegistry:Url");
    }
    if (!px_registry_level_good(&level)) {
        return PX_FAIL(reterr, PX_SCHEMA,
                       "the compatibility of %s is %s, not %s: svc-ingest "
                       "--register-schemas=apply sets it where there is none",
                       subject, level.name, PX_REGISTRY_LEVEL);
    }
    return PX_OK;
}
