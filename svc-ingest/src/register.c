/* --register-schemas: our two schemas under the subjects of every family, at deploy time. All of
 * them are looked at before the first one is registered; what the registry refuses is named and
 * nothing is registered. Prints its own result. */
#include "schemas.h"

#include <px/mem.h>

#include <stdio.h>

enum state {
    IS_THERE,
    IS_NEW,
    IS_REFUSED
};

struct entry {
    const char *name; /* of the file */
    char subject[300];
    struct px_buf text;
    enum state state;
    bool unguarded; /* plan: it has no level yet by which a version could be judged */
};

struct work {
    const struct ing_svc *svc;
    struct px_registry *r;
    bool apply;
    struct entry *entries;
    size_t n, refused;
};

/* Another run may be ahead of us; there are registries that refuse to set a level twice. */
static enum px_code give_level(const struct work *w, const struct entry *e, struct px_err *reterr) {
    struct px_registry_level now = {.name = ""};
    enum px_code rc = px_registry_set_level(w->r, e->subject, PX_REGISTRY_LEVEL, reterr);

    if (rc == PX_SCHEMA && px_registry_level(w->r, e->subject, &now, NULL) == PX_OK &&
        strcmp(now.name, PX_REGISTRY_LEVEL) == 0) {
        rc = PX_OK;
    }
    if (rc == PX_OK) {
        printf("%s: compatibility FORWARD (set)\n", e->subject);
    }
    return rc;
}

/* Says what the subject's level is, and gives it one when it has none. NONE is no level either:
 * some registries say so of every subject that was never given one, and it promises nothing. */
static enum px_code level(const struct work *w, struct entry *e, bool *ret_good,
                          struct px_err *reterr) {
    struct px_registry_level have = {.name = ""};
    enum px_code rc = px_registry_level(w->r, e->subject, &have, reterr);

    if (rc == PX_OK && strcmp(have.name, "NONE") != 0) {
        *ret_good = px_registry_level_good(&have);
        printf("%s: compatibility %s%s\n", e->subject, have.name,
               *ret_good ? "" : ", which does not promise what readers need: set it to FORWARD");
        return PX_OK;
    }
    if (rc != PX_OK && rc != PX_NOT_FOUND) {
        return rc;
    }
    *ret_good = true;
    e->unguarded = !w->apply;
    if (w->apply) {
        return give_level(w, e, reterr);
    }
    printf("%s: compatibility would be FORWARD\n", e->subject);
    return PX_OK;
}

static enum px_code look_new(struct work *w, struct entry *e, struct px_err *reterr) {
    bool good = false;
    enum px_code rc = level(w, e, &good, reterr);
    if (rc) {
        return rc;
    }
    struct px_err why = PX_ERR_INIT;
    rc = px_registry_check(w->r, e->subject, px_buf_view(&e->text), &why);
    e->state = rc == PX_SCHEMA || !good ? IS_REFUSED : IS_NEW;
    if (rc == PX_SCHEMA) {
        printf("%s: REFUSED %s: %s\n", e->subject, e->name, why.msg);
    } else if (!good) {
        printf("%s: REFUSED %s: see its compatibility\n", e->subject, e->name);
    } else if (rc != PX_OK && rc != PX_NOT_FOUND) {
        *reterr = why;
        return rc;
    } else {
        printf("%s: %s %s\n", e->subject, e->name,
               rc == PX_NOT_FOUND ? "will be the first version"
               : e->unguarded     ? "is judged by apply, after it has set the compatibility"
                                  : "can be the next version");
    }
    return PX_OK;
}

static enum px_code look(struct work *w, struct entry *e, struct px_err *reterr) {
    struct px_registry_id found = {.id = 0};
    bool good = false;
    enum px_code rc = px_registry_find(w->r, e->subject, px_buf_view(&e->text), &found, reterr);

    if (rc == PX_NOT_FOUND) {
        rc = look_new(w, e, reterr);
        w->refused += e->state == IS_REFUSED ? 1 : 0;
        return rc;
    }
    if (rc) {
        return rc;
    }
    e->state = IS_THERE;
    printf("%s: %s is schema %u, version %u\n", e->subject, e->name, found.id, found.version);
    return level(w, e, &good, reterr);
}

static enum px_code add(struct work *w, const struct entry *e, struct px_err *reterr) {
    uint32_t id = 0;

    if (e->state != IS_NEW || !w->apply) {
        return PX_OK;
    }
    enum px_code rc = px_registry_add(w->r, e->subject, px_buf_view(&e->text), &id, reterr);
    struct px_registry_id theirs = {.id = 0};
    if (rc == PX_SCHEMA &&
        px_registry_find(w->r, e->subject, px_buf_view(&e->text), &theirs, NULL) == PX_OK) {
        id = theirs.id; /* another run was ahead of us */
        rc = PX_OK;
    }
    if (rc) {
        return px_err_context(reterr, "%s", e->subject);
    }
    printf("%s: %s registered as schema %u\n", e->subject, e->name, id);
    return PX_OK;
}

static enum px_code entries(struct work *w, struct px_err *reterr) {
    char topic[256];

    for (size_t i = 0; i < px_catalog_families(w->svc->catalog); i++) {
        for (int dead = 0; dead < 2; dead++) {
            struct entry *e = &w->entries[w->n++];
            e->name = dead ? "dlq.avsc" : "event.avsc";
            px_buf_init(&e->text, PX_REGISTRY_FILE_MAX);
            if (!ing_schemas_topic(w->svc, i, dead, topic, sizeof topic) ||
                !px_registry_subject(topic, e->subject, sizeof e->subject)) {
                return PX_FAIL(reterr, PX_CONFIG, "the parts of the topic name make it too long");
            }
            enum px_code rc = px_registry_file(w->svc->schemas, e->name, &e->text, reterr);
            if (rc) {
                return rc;
            }
        }
    }
    return PX_OK;
}

static enum px_code work(struct work *w, struct px_err *reterr) {
    enum px_code rc = entries(w, reterr);

    for (size_t i = 0; i < w->n && rc == PX_OK; i++) {
        rc = look(w, &w->entries[i], reterr);
    }
    if (rc == PX_OK && w->refused) {
        return PX_FAIL(reterr, PX_SCHEMA, "%zu of %zu schemas refused; nothing was registered",
                       w->refused, w->n);
    }
    for (size_t i = 0; i < w->n && rc == PX_OK; i++) {
        rc = add(w, &w->entries[i], reterr);
    }
    return rc;
}

static enum px_code run(struct work *w, struct px_err *reterr) {
    enum px_code rc = ing_schemas_ours(w->svc->schemas, reterr);

    rc = rc ? rc : px_registry_open(&w->svc->world.conf->registry, &w->r, reterr);
    if (rc == PX_OK) {
        w->entries = px_calloc2(2 * px_catalog_families(w->svc->catalog), sizeof *w->entries);
        rc = w->entries ? work(w, reterr) : PX_FAIL(reterr, PX_NOMEM, "no memory for the schemas");
    }
    for (size_t i = 0; i < w->n; i++) {
        px_buf_fini(&w->entries[i].text);
    }
    px_free(w->entries);
    px_registry_close(w->r);
    return rc;
}

enum px_code ing_register(void *arg, const char *mode, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    struct work w = {.svc = svc, .apply = mode && strcmp(mode, "apply") == 0};

    if (!px_registry_used(&svc->world.conf->registry)) {
        return PX_FAIL(reterr, PX_CONFIG, "SchemaRegistry:Url is empty: there is no registry");
    }
    if (!svc->catalog) {
        *reterr = svc->catalog_error;
        return svc->catalog_error.code;
    }
    enum px_code rc = run(&w, reterr);
    if (fflush(stdout) != 0 && rc == PX_OK) {
        return px_err_errno(reterr, PX_IO, PX_HERE, "stdout");
    }
    return rc;
}
