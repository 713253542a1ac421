/* A batch -> its events, one at a time: of lines only one is parsed at a time. Pure. */
#include "items.h"

#include <string.h>

struct ing_items ing_items_array(const struct px_jnode *array, struct px_str text) {
    return (struct ing_items){.next = px_json_first(array), .texts = ing_texts_of(text)};
}

struct ing_items ing_items_lines(struct px_str text) {
    return (struct ing_items){.lines = true, .rest = text};
}

void ing_items_fini(struct ing_items *it) {
    px_json_free(it->doc);
    it->doc = NULL;
}

/* The next line of *rest that is not blank, without its end; false when there is none. */
static bool items_line(struct px_str *rest, struct px_str *ret) {
    while (rest->n) {
        struct px_str line = px_str_part(rest, '\n');
        line.n -= line.n && line.p[line.n - 1] == '\r';
        if (px_str_trim(line).n) {
            *ret = line;
            return true;
        }
    }
    return false;
}

size_t ing_items_count(const struct ing_items *it, size_t max) {
    const struct px_jnode *next = it->next;
    struct px_str rest = it->rest, line;
    size_t n = 0;

    while (n < max && (it->lines ? items_line(&rest, &line) : next != NULL)) {
        n++;
        next = next ? px_json_next(next) : NULL;
    }
    return n;
}

enum px_code ing_items_next(struct ing_items *it, const struct px_jnode **ret,
                            struct px_err *reterr) {
    ing_items_fini(it);
    if (!it->lines) {
        if (!it->next) {
            return PX_FAIL(reterr, PX_NOT_FOUND, "the batch has no more events");
        }
        *ret = it->next;
        it->next = px_json_next(it->next);
        it->given++;
        return PX_OK;
    }
    if (!items_line(&it->rest, &it->line)) {
        return PX_FAIL(reterr, PX_NOT_FOUND, "the batch has no more events");
    }
    enum px_code rc = px_json_parse(it->line, it->line.n, &it->doc, reterr);
    if (rc == PX_OK) {
        *ret = px_json_root(it->doc);
    }
    return rc;
}

struct px_str ing_items_text(struct ing_items *it) {
    return it->lines || it->given == 0 ? it->line : ing_texts_at(&it->texts, it->given - 1);
}
