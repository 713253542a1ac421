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

#define DRY_RUN_RAW 18 /* "dryRun", every letter of it escaped */

static bool dry_run_plain(struct px_str raw, char buf[DRY_RUN_RAW], struct px_str *ret) {
    return raw.n <= DRY_RUN_RAW && px_form_decode(raw, buf, ret) == PX_FORM_OK;
}

bool ing_dry_run_asked(struct px_str query, bool *ret) {
    struct px_form form = {.rest = query};
    struct px_str name, value, plain;
    char buf[DRY_RUN_RAW];
    bool has_value, seen = false, yes = false;

    while (px_form_next(&form, &name, &value, &has_value)) {
        if (!dry_run_plain(name, buf, &plain) || !px_str_is(plain, "dryRun")) {
            continue;
        }
        if (seen || !dry_run_plain(value, buf, &plain) || !ing_dry_run_value(plain, &yes)) {
            return false;
        }
        seen = true;
    }
    *ret = yes;
    return true;
}
