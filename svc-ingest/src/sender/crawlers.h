/* The list of crawlers that this build knows, compiled in from crawler-user-agents
 * (svc-ingest/crawlers): which of its patterns does a user agent match first? */
#ifndef ING_CRAWLERS_H
#define ING_CRAWLERS_H

#include <px/traffic.h>

/* Bytes of a user agent in which a name may begin. */
#define ING_AGENT_SEEN 512

/* ing_crawler_find(agent): the first pattern in the order of the list, or -1. Bounded by the length
 * of ${agent}; no allocation. Threads: pure. */
int ing_crawler_find(struct px_str agent);
/* Of a pattern that was found. */
enum px_traffic ing_crawler_class(int i);
struct px_str ing_crawler_reason(int i); /* "ua:Googlebot" */

const char *ing_crawlers_version(void);
size_t ing_crawlers_count(void);
size_t ing_crawlers_beyond(void); /* of them that this build cannot look for */

#endif
