/* Catalogs and rollups for tests: the ones of schemas/, edited copies of them, and plain events. */
#ifndef MODEL_FIXTURE_H
#define MODEL_FIXTURE_H

#include <px/dedupe.h>
#include <px/rollup.h>

/* A file in a folder of its own under $TMPDIR (or /tmp); removed by model_file_fini. */
struct model_file {
    char dir[128], path[192];
};
/* model_file_text(f, name, text): write ${text}. model_file_copy(f, source, find, put): a copy of
 * ${source} in which every ${find} (which must be there) became ${put}; when ${find} is NULL,
 * ${put} is appended. Both fail the running test when they cannot. */
void model_file_text(struct model_file *f, const char *name, struct px_str text);
void model_file_copy(struct model_file *f, const char *source, const char *find, const char *put);
void model_file_fini(struct model_file *f);

#define MODEL_EVENTS  "schemas/events.yaml"
#define MODEL_ROLLUPS "schemas/rollups.yaml"

/* model_catalog(path), model_rollups(path, cat): loaded, or the running test fails with the
 * message. */
struct px_catalog *model_catalog(const char *path);
struct px_rollups *model_rollups(const char *path, const struct px_catalog *cat);

/* model_event(type, player, banner, received_at): an event with id 0 and nothing else. */
struct px_event model_event(const char *type, const char *player, const char *banner,
                            px_us received_at);

#endif
