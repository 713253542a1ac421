-- The tables of pixel-analytics on PostgreSQL. Days are cut in the database's day zone (px_settings).
-- Counter tables leave room on their pages (fillfactor) so that updates stay heap-only.

CREATE TABLE events (
    id              uuid PRIMARY KEY,
    player_id       text NOT NULL,
    event_type      text NOT NULL,
    banner_tag      text NOT NULL,
    metadata_json   text NOT NULL,
    source_ip       text,
    user_agent      text,
    created_at      timestamptz NOT NULL,
    client_event_id text,
    session_id      text,
    received_at     timestamptz NOT NULL,
    disposition     text NOT NULL,
    class           text,
    "partition"     integer NOT NULL,
    "offset"        bigint NOT NULL
);

CREATE TABLE daily_metrics (
    event_date date NOT NULL,
    event_type text NOT NULL,
    count      bigint NOT NULL,
    PRIMARY KEY (event_date, event_type)
) WITH (fillfactor = 70);

CREATE TABLE event_summary (
    event_date date NOT NULL,
    event_type text NOT NULL,
    banner_tag text NOT NULL,
    count      bigint NOT NULL,
    PRIMARY KEY (event_date, event_type, banner_tag)
) WITH (fillfactor = 70);
CREATE INDEX event_summary_banner ON event_summary (banner_tag, event_date);

CREATE TABLE minute_summary (
    bucket_start timestamptz NOT NULL,
    event_type   text NOT NULL,
    banner_tag   text NOT NULL,
    count        bigint NOT NULL,
    PRIMARY KEY (bucket_start, event_type, banner_tag)
) WITH (fillfactor = 70);

CREATE TABLE players (
    player_id       text PRIMARY KEY,
    first_seen      timestamptz,
    last_event_at   timestamptz,
    registration_at timestamptz,
    deposit_at      timestamptz,
    total_deposits  bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

-- Aggregations that have no table of their own (schemas/rollups.yaml): up to three text dimensions.
CREATE TABLE rollup_values (
    rollup       text NOT NULL,
    bucket_start timestamptz NOT NULL,
    dim1         text NOT NULL,
    dim2         text NOT NULL,
    dim3         text NOT NULL,
    value        bigint NOT NULL,
    PRIMARY KEY (rollup, bucket_start, dim1, dim2, dim3)
) WITH (fillfactor = 70);

-- Progress: the one truth about which offsets are folded in, and the fence against a former owner.
CREATE TABLE consumer_offsets (
    log_id         text NOT NULL,
    topic          text NOT NULL,
    partition_id   integer NOT NULL,
    next_offset    bigint NOT NULL,
    epoch          bigint NOT NULL,
    owner          text NOT NULL,
    revision       bigint NOT NULL,
    high_watermark bigint NOT NULL,
    looked_at      timestamptz NOT NULL,
    max_event_at   timestamptz,
    PRIMARY KEY (log_id, topic, partition_id)
) WITH (fillfactor = 70);

-- The accounting identity per partition, exact at every commit:
-- next_offset - first_offset + rewound = counted + repeated + duplicate + conflict + excluded + late
--                                        + erased + dead_lettered + hole + gap
CREATE TABLE partition_ledger (
    log_id        text NOT NULL,
    topic         text NOT NULL,
    partition_id  integer NOT NULL,
    first_offset  bigint NOT NULL,
    next_offset   bigint NOT NULL,
    rewound       bigint NOT NULL DEFAULT 0,
    counted       bigint NOT NULL DEFAULT 0,
    repeated      bigint NOT NULL DEFAULT 0,
    duplicate     bigint NOT NULL DEFAULT 0,
    conflict      bigint NOT NULL DEFAULT 0,
    excluded      bigint NOT NULL DEFAULT 0,
    late          bigint NOT NULL DEFAULT 0,
    erased        bigint NOT NULL DEFAULT 0,
    dead_lettered bigint NOT NULL DEFAULT 0,
    hole          bigint NOT NULL DEFAULT 0,
    gap           bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (log_id, topic, partition_id)
) WITH (fillfactor = 70);

-- Claims: who came first. Keys are 128 bits of SHA-256.
CREATE TABLE dedupe_event (
    h1          bigint NOT NULL,
    h2          bigint NOT NULL,
    fingerprint bigint NOT NULL,
    seen_day    date NOT NULL,
    PRIMARY KEY (h1, h2)
);
CREATE INDEX dedupe_event_seen ON dedupe_event (seen_day);

CREATE TABLE dedupe_day (
    day date NOT NULL,
    h1  bigint NOT NULL,
    h2  bigint NOT NULL,
    PRIMARY KEY (day, h1, h2)
);

-- Offsets that were gone from the log before they could be read, accepted by an operator.
CREATE TABLE ingest_gaps (
    log_id       text NOT NULL,
    topic        text NOT NULL,
    partition_id integer NOT NULL,
    from_offset  bigint NOT NULL,
    to_offset    bigint NOT NULL,
    noted_at     timestamptz NOT NULL,
    PRIMARY KEY (log_id, topic, partition_id, from_offset)
);

-- Facts that must not change under a database: the zone that cuts its days.
CREATE TABLE px_settings (
    name  text PRIMARY KEY,
    value text NOT NULL
);
