/* One YAML file into one struct of strings: what the catalog and the rollups share. libcyaml
 * accepts too much by itself (a second document, an empty file, numbers with a tail), so the text
 * passes a strict gate first and every scalar stays a string for the strict parsers. Used at load
 * only. */
#ifndef PX_MODEL_YAML_H
#define PX_MODEL_YAML_H

#include <cyaml/cyaml.h>

#include <px/err.h>
#include <px/str.h>

#define PX_YAML_MAX_BYTES (256 * 1024)

/* Schema rows: every scalar is text; keys are required unless marked optional. */
#define PX_YAML_TEXT(key, type, member)                                                            \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 0, 4096)
#define PX_YAML_OPT_TEXT(key, type, member)                                                        \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 0, 4096)

/* px_yaml_load(path, schema, ret, reterr): read ${path} into the struct that ${schema} describes.
 * Refused: more than 256 KiB, an empty file, a second document, anchors and aliases, directives,
 * escapes, control characters, and keys that are unknown, missing or given twice; the message names
 * file, row and key. Gives: free with px_yaml_free. Errors: PX_CONFIG, PX_NOMEM. */
PX_MUST_USE enum px_code px_yaml_load(const char *path, const struct cyaml_schema_value *schema,
                                      void **ret, struct px_err *reterr);
void px_yaml_free(const struct cyaml_schema_value *schema, void *data);

/* px_yaml_base(path): the file name without its folders, as messages show it. */
const char *px_yaml_base(const char *path);

/* px_yaml_name_ok(s, extra, max): 1 to ${max} characters, a lower-case letter first, then
 * lower-case letters, digits and the characters of ${extra}. */
bool px_yaml_name_ok(const char *s, const char *extra, size_t max);

#endif
