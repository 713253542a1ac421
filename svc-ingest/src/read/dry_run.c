/* dryRun of a query -> yes or no. Strict: whoever mistypes the value must not send an event that
 * counts. Pure. */
#include "dry_run.h"

#include <px/http.h>

bool ing_dry_run_value(struct px_str text, bool *ret) {
    bool yes = px_str_is(text, "1") || px_str_is(text, "true");

    if (!yes && !px_str_is(text, "0") && !px_str_is(text, "false")) {
        return false;
    }
    *ret = yes;
    return true;
}

bool ing_dry_run_asked(struct px_str query, bool *ret) {
    struct px_form form = {.rest = query};
    struct px_str name, value;
    bool has_value, seen = false, yes = false;

    while (px_form_next(&form, &name, &value, &has_value)) {
        if (!px_str_is(name, "dryRun")) {
            continue;
        }
        if (seen || !ing_dry_run_value(value, &yes)) {
            return false;
        }
        seen = true;
    }
    *ret = yes;
    return true;
}
