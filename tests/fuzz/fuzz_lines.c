/* A batch as lines of JSON: the events are what a slow cutting at line ends finds, blank lines
 * aside, and each is JSON exactly when its line is. */
#include "fuzz.h"
#include "items.h"

/* The next line of ${all} from *at on, with blanks as it has them; false at the end. */
static bool slow_line(struct px_str all, size_t *at, struct px_str *ret) {
    while (*at < all.n) {
        size_t from = *at, end = from;
        bool blank = true;
        while (end < all.n && all.p[end] != '\n') {
            end++;
        }
        *at = end + 1;
        end -= end > from && all.p[end - 1] == '\r';
        for (size_t i = from; i < end; i++) {
            blank = blank && (all.p[i] == ' ' || all.p[i] == '\t');
        }
        if (!blank) {
            *ret = (struct px_str){.p = all.p + from, .n = end - from};
            return true;
        }
    }
    return false;
}

static bool is_json(struct px_str s) {
    struct px_json *doc = NULL;
    bool yes = px_json_parse(s, s.n, &doc, NULL) == PX_OK;
    px_json_free(doc);
    return yes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct px_str all = {.p = (const char *)data, .n = size}, want;
    struct ing_items items = ing_items_lines(all);
    size_t at = 0, seen = 0, count = ing_items_count(&items, SIZE_MAX);
    FUZZ_CHECK(ing_items_count(&items, 3) == (count < 3 ? count : 3));
    while (slow_line(all, &at, &want)) {
        const struct px_jnode *node = NULL;
        enum px_code rc = ing_items_next(&items, &node, NULL);
        FUZZ_CHECK(items.line.p == want.p && items.line.n == want.n);
        FUZZ_CHECK((rc == PX_OK) == is_json(want) && (rc == PX_OK) == (node != NULL));
        seen++;
    }
    const struct px_jnode *none = NULL;
    FUZZ_CHECK(ing_items_next(&items, &none, NULL) == PX_NOT_FOUND);
    FUZZ_CHECK(seen == count);
    ing_items_fini(&items);
    return 0;
}
