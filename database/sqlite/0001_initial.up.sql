-- The tables of pixel-analytics on SQLite. Times are UTC text 'YYYY-MM-DD HH:MM:SS.ffffff', days
-- 'YYYY-MM-DD' in the database's day zone, so that people can read them and text order is time order.

CREATE TABLE events (
    id              TEXT PRIMARY KEY NOT NULL,
    player_id       TEXT NOT NULL,
    event_type      TEXT NOT NULL,
    banner_tag      TEXT NOT NULL,
    metadata_json   TEXT NOT NULL,
    source_ip       TEXT,
    user_agent      TEXT,
    created_at      TEXT NOT NULL,
    client_event_id TEXT,
    session_id      TEXT,
    received_at     TEXT NOT NULL,
    disposition     TEXT NOT NULL,
    class           TEXT,
    "partition"     INTEGER NOT NULL,
    "offset"        INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE daily_metrics (
    event_date TEXT NOT NULL,
    event_type TEXT NOT NULL,
    count      INTEGER NOT NULL,
    PRIMARY KEY (event_date, event_type)
) WITHOUT ROWID;

CREATE TABLE event_summary (
    event_date TEXT NOT NULL,
    event_type TEXT NOT NULL,
    banner_tag TEXT NOT NULL,
    count      INTEGER NOT NULL,
    PRIMARY KEY (event_date, event_type, banner_tag)
) WITHOUT ROWID;
CREATE INDEX event_summary_banner ON event_summary (banner_tag, event_date);

CREATE TABLE minute_summary (
    bucket_start TEXT NOT NULL,
    event_type   TEXT NOT NULL,
    banner_tag   TEXT NOT NULL,
    count        INTEGER NOT NULL,
    PRIMARY KEY (bucket_start, event_type, banner_tag)
) WITHOUT ROWID;

CREATE TABLE players (
    player_id       TEXT PRIMARY KEY NOT NULL,
    first_seen      TEXT,
    last_event_at   TEXT,
    registration_at TEXT,
    deposit_at      TEXT,
    total_deposits  INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Aggregations that have no table of their own (schemas/rollups.yaml): up to three text dimensions.
CREATE TABLE rollup_values (
    rollup       TEXT NOT NULL,
    bucket_start TEXT NOT NULL,
    dim1         TEXT NOT NULL,
    dim2         TEXT NOT NULL,
    dim3         TEXT NOT NULL,
    value        INTEGER NOT NULL,
    PRIMARY KEY (rollup, bucket_start, dim1, dim2, dim3)
) WITHOUT ROWID;

-- Progress: the one truth about which offsets are folded in, and the fence against a former owner.
CREATE TABLE consumer_offsets (
    log_id         TEXT NOT NULL,
    topic          TEXT NOT NULL,
    partition_id   INTEGER NOT NULL,
    next_offset    INTEGER NOT NULL,
    epoch          INTEGER NOT NULL,
    owner          TEXT NOT NULL,
    revision       INTEGER NOT NULL,
    high_watermark INTEGER NOT NULL,
    looked_at      TEXT NOT NULL,
    max_event_at   TEXT,
    PRIMARY KEY (log_id, topic, partition_id)
) WITHOUT ROWID;

-- The accounting identity per partition, exact at every commit:
-- next_offset - first_offset + rewound = counted + repeated + duplicate + conflict + excluded + late
--                                        + erased + dead_lettered + hole + gap
CREATE TABLE partition_ledger (
    log_id        TEXT NOT NULL,
    topic         TEXT NOT NULL,
    partition_id  INTEGER NOT NULL,
    first_offset  INTEGER NOT NULL,
    next_offset   INTEGER NOT NULL,
    rewound       INTEGER NOT NULL DEFAULT 0,
    counted       INTEGER NOT NULL DEFAULT 0,
    repeated      INTEGER NOT NULL DEFAULT 0,
    duplicate     INTEGER NOT NULL DEFAULT 0,
    conflict      INTEGER NOT NULL DEFAULT 0,
    excluded      INTEGER NOT NULL DEFAULT 0,
    late          INTEGER NOT NULL DEFAULT 0,
    erased        INTEGER NOT NULL DEFAULT 0,
    dead_lettered INTEGER NOT NULL DEFAULT 0,
    hole          INTEGER NOT NULL DEFAULT 0,
    gap           INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (log_id, topic, partition_id)
) WITHOUT ROWID;

-- Claims: who came first. Keys are 128 bits of SHA-256.
CREATE TABLE dedupe_event (
    h1          INTEGER NOT NULL,
    h2          INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL,
    seen_day    TEXT NOT NULL,
    PRIMARY KEY (h1, h2)
) WITHOUT ROWID;
CREATE INDEX dedupe_event_seen ON dedupe_event (seen_day);

CREATE TABLE dedupe_day (
    day TEXT NOT NULL,
    h1  INTEGER NOT NULL,
    h2  INTEGER NOT NULL,
    PRIMARY KEY (day, h1, h2)
) WITHOUT ROWID;

-- Offsets that were gone from the log before they could be read, accepted by an operator.
CREATE TABLE ingest_gaps (
    log_id       TEXT NOT NULL,
    topic        TEXT NOT NULL,
    partition_id INTEGER NOT NULL,
    from_offset  INTEGER NOT NULL,
    to_offset    INTEGER NOT NULL,
    noted_at     TEXT NOT NULL,
    PRIMARY KEY (log_id, topic, partition_id, from_offset)
) WITHOUT ROWID;

-- Facts that must not change under a database: the zone that cuts its days.
CREATE TABLE px_settings (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) WITHOUT ROWID;
