/* The environment layer: PX_Section__Key -> assignment, case ignored. Other variables are not ours;
 * an unknown PX_ one is only warned about, because several programs share an environment. */
#include "conf_priv.h"

/* PX_ variables that are no options. */
static const char *const known[] = {"PX_ENVIRONMENT", "PX_FAILPOINTS_AT", "PX_BIN"};

const char *px_conf_env_get(char *const *envp, const char *name) {
    size_t n = strlen(name);

    for (; envp && *envp; envp++) {
        if (strncmp(*envp, name, n) == 0 && (*envp)[n] == '=') {
            return *envp + n + 1;
        }
    }
    return NULL;
}

static bool env_known(const char *name) {
    for (size_t i = 0; i < PX_ARRAY_LEN(known); i++) {
        if (strcmp(name, known[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* "Kafka__Region" -> "Kafka:Region". */
static struct px_str env_key(const char *name, char out[PX_CONF_KEY_MAX]) {
    size_t n = 0;

    for (const char *p = name; *p && n < PX_CONF_KEY_MAX; p++) {
        bool joint = p[0] == '_' && p[1] == '_';
        out[n++] = joint ? ':' : *p;
        p += joint;
    }
    return (struct px_str){.p = out, .n = n};
}

void px_conf_env(struct px_conf *c, char *const *envp) {
    for (; envp && *envp; envp++) {
        char name[PX_CONF_KEY_MAX], key[PX_CONF_KEY_MAX];
        struct px_str var = px_str_c(*envp);
        size_t eq = px_str_find(var, '=');
        struct px_conf_item item = {.layer = PX_CONF_ENVIRONMENT, .origin = name};

        if (eq == var.n || strncmp(*envp, "PX_", 3) != 0) {
            continue;
        }
        if (!px_str_copy((struct px_str){.p = var.p, .n = eq}, name, sizeof name)) {
            px_conf_problem(c, true, "environment", PX_S(""), "a PX_ variable with a long name");
            continue;
        }
        if (env_known(name)) {
            continue;
        }
        item.key = env_key(name + 3, key);
        item.text = (struct px_str){.p = var.p + eq + 1, .n = var.n - eq - 1};
        px_conf_put(c, &item);
    }
}
