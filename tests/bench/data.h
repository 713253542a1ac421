/* Made-up traffic, the same in every run: players by a skewed law, banners, three event types,
 * some senders with ids of their own, some events twice. */
#ifndef BENCH_DATA_H
#define BENCH_DATA_H

#include <px/validate.h>

struct bench_data {
    uint64_t state; /* of the generator */
    size_t players, banners;
    px_us at, step;      /* received_at of the next event, and from one to the next */
    unsigned repeats;    /* in a thousand: the same player, type and banner as before */
    unsigned client_ids; /* in a thousand: with an id of the sender */
    uint64_t made;
    struct px_uuid_gen uuid;
    uint64_t recent[256]; /* what repeats choose from */
};

/* bench_data_init(d, seed): the usual mix: 200,000 players, 50 banners, from 2026-01-01 on. */
void bench_data_init(struct bench_data *d, uint64_t seed);
uint64_t bench_data_next(struct bench_data *d); /* 64 random bits */

/* What a sender says of one event; the strings live in ${arena}. */
struct px_raw_event bench_data_raw(struct bench_data *d, struct px_arena *arena);
/* bench_data_event(d, cat, arena): the same, judged and with id and time: as ingest logs it. */
struct px_event bench_data_event(struct bench_data *d, const struct px_catalog *cat,
                                 struct px_arena *arena);
/* bench_data_json(raw, out): the body of POST /api/events for it. */
struct px_buf;
void bench_data_json(const struct px_raw_event *raw, struct px_buf *out);

struct px_catalog *bench_catalog(void); /* of schemas/events.yaml */

#endif
