/* What a client says of how much it wants something: the parameter q in the lists of Accept and
 * Accept-Encoding. Pure. */
#include <px/http.h>

/* "0", "0.", "0.000": of what is no weight, nothing is said. */
static bool weight_is_zero(struct px_str s) {
    bool zero = s.n > 0 && s.p[0] == '0' && (s.n == 1 || s.p[1] == '.');

    for (size_t i = 2; i < s.n; i++) {
        zero = zero && s.p[i] == '0';
    }
    return zero;
}

bool px_weight_wants(struct px_str element, struct px_str *ret_name) {
    *ret_name = px_str_trim(px_str_part(&element, ';'));
    while (element.n) {
        struct px_str value = px_str_trim(px_str_part(&element, ';'));
        struct px_str name = px_str_part(&value, '=');
        if (px_str_ieq(name, PX_S("q"))) {
            return !weight_is_zero(value);
        }
    }
    return true;
}
