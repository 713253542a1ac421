/* Where the data folders (schemas, database) lie: told, beside the source tree, or installed. */
#include "app_priv.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Relative to the folder of the binary: build/bin, build/<variant>/bin, then <prefix>/bin. */
static const char *const places[] = {"../..", "../../..", "../share/pixel-analytics"};

static bool is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Schemas:Directory itself, or its sibling ${what}. False: not set. */
static bool told(const struct px_app *app, const char *what, char *out, size_t cap) {
    const char *dir = px_app_shared(app)->schemas_dir;

    if (!dir[0]) {
        return false;
    }
    if (strcmp(what, "schemas") == 0) {
        snprintf(out, cap, "%s", dir);
        return true;
    }
    snprintf(out, cap, "%s/../%s", dir, what);
    return is_folder(out);
}

static enum px_code found(const char *what, const char *path, size_t cap, struct px_err *reterr) {
    if (strlen(path) + 1 >= cap) {
        return PX_FAIL(reterr, PX_CONFIG, "Schemas:Directory: the path is too long");
    }
    if (!is_folder(path)) {
        return PX_FAIL(reterr, PX_CONFIG, "Schemas:Directory: %s is no folder (looking for %s)",
                       path, what);
    }
    return PX_OK;
}

enum px_code px_app_data_dir(const struct px_app *app, const char *what, char *out, size_t cap,
                             struct px_err *reterr) {
    char self[2048], *slash;
    ssize_t n;

    if (told(app, what, out, cap)) {
        return found(what, out, cap, reterr);
    }
    n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) {
        return px_err_errno(reterr, PX_CONFIG, PX_HERE,
                            "set Schemas:Directory; the place of the binary is not known");
    }
    self[n] = '\0';
    slash = strrchr(self, '/');
    slash = slash ? slash : self;
    *slash = '\0';
    for (size_t i = 0; i < PX_ARRAY_LEN(places); i++) {
        int k = snprintf(out, cap, "%s/%s/%s", self, places[i], what);
        if (k > 0 && (size_t)k < cap && is_folder(out)) {
            return PX_OK;
        }
    }
    return PX_FAIL(reterr, PX_CONFIG,
                   "no folder %s in %s/{../..,../../..,../share/pixel-analytics}; set "
                   "Schemas:Directory",
                   what, self);
}
