/* The JSON Schema (2020-12) of one event of POST /api/events, made from the catalog: what senders
 * may check before they send. */
#ifndef ING_EVENT_SCHEMA_H
#define ING_EVENT_SCHEMA_H

#include <px/buf.h>
#include <px/catalog.h>

/* ing_event_schema(cat, out): append the document. An event that it refuses is refused by
 * px_validate; of one that it takes some may still be: a schema counts characters, not bytes, and
 * knows neither personal data nor the calendar. Threads: pure. */
void ing_event_schema(const struct px_catalog *cat, struct px_buf *out);

#endif
