/* A schema registry that says what a test tells it to: HTTP on 127.0.0.1 in a thread, one
 * connection per request, canned bytes as the answer. Knows nothing of schemas. */
#ifndef TEST_FAKE_REGISTRY_H
#define TEST_FAKE_REGISTRY_H

#include <px/registry.h>

struct fake_registry;
struct fake_registry *fake_registry_start(void);
/* The base address, "http://127.0.0.1:port/api". */
const char *fake_registry_url(const struct fake_registry *f);
/* The options of a client that asks it, as nobody in particular. */
struct px_registry_conf fake_registry_conf(const struct fake_registry *f, px_us timeout);
/* fake_registry_say(f, status, fields, body): from now on; ${fields}: header lines with \r\n. Kept.
 * fake_registry_flood(f, status, n): ${n} bytes of content. fake_registry_mute(f): take requests
 * and never answer. */
void fake_registry_say(struct fake_registry *f, int status, const char *fields, const char *body);
void fake_registry_flood(struct fake_registry *f, int status, size_t n);
void fake_registry_mute(struct fake_registry *f);
/* The last request, head and body; a copy that lives until the next call. */
const char *fake_registry_heard(struct fake_registry *f);
unsigned fake_registry_count(struct fake_registry *f); /* requests so far */
void fake_registry_stop(struct fake_registry *f);

#endif
