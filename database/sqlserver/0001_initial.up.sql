-- The tables of pixel-analytics on SQL Server 2016 and later. Days are cut in the database's day zone (px_settings).
-- Times are UTC. Texts are compared by their bits, whatever the database's own collation. SQL Server takes texts as
-- equal that differ only in blanks at their end: where senders choose a key, its size belongs to the key. Event ids
-- are text, because uniqueidentifier is sorted by its last bytes and old events are found by their ids.

CREATE TABLE events (
    id              char(36) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
    player_id       nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    event_type      nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    banner_tag      nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    metadata_json   nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    source_ip       nvarchar(64) COLLATE Latin1_General_100_BIN2 NULL,
    user_agent      nvarchar(256) COLLATE Latin1_General_100_BIN2 NULL,
    created_at      datetime2(6) NOT NULL,
    client_event_id nvarchar(128) COLLATE Latin1_General_100_BIN2 NULL,
    session_id      nvarchar(128) COLLATE Latin1_General_100_BIN2 NULL,
    received_at     datetime2(6) NOT NULL,
    disposition     nvarchar(16) COLLATE Latin1_General_100_BIN2 NOT NULL,
    "class"         nvarchar(64) COLLATE Latin1_General_100_BIN2 NULL,
    "partition"     int NOT NULL,
    "offset"        bigint NOT NULL
);

CREATE TABLE daily_metrics (
    event_date date NOT NULL,
    event_type nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    "count"    bigint NOT NULL,
    PRIMARY KEY (event_date, event_type)
);

CREATE TABLE event_summary (
    event_date      date NOT NULL,
    event_type      nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    banner_tag      nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    banner_tag_size AS DATALENGTH(banner_tag) PERSISTED NOT NULL,
    "count"         bigint NOT NULL,
    PRIMARY KEY (event_date, event_type, banner_tag, banner_tag_size)
);
CREATE INDEX event_summary_banner ON event_summary (banner_tag, event_date);

CREATE TABLE minute_summary (
    bucket_start    datetime2(6) NOT NULL,
    event_type      nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    banner_tag      nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    banner_tag_size AS DATALENGTH(banner_tag) PERSISTED NOT NULL,
    "count"         bigint NOT NULL,
    PRIMARY KEY (bucket_start, event_type, banner_tag, banner_tag_size)
);

CREATE TABLE players (
    player_id       nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    player_id_size  AS DATALENGTH(player_id) PERSISTED NOT NULL,
    first_seen      datetime2(6) NULL,
    last_event_at   datetime2(6) NULL,
    registration_at datetime2(6) NULL,
    deposit_at      datetime2(6) NULL,
    total_deposits  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (player_id, player_id_size)
);

-- Aggregations that have no table of their own (schemas/rollups.yaml): up to three text dimensions.
CREATE TABLE rollup_values (
    "rollup"     nvarchar(60) COLLATE Latin1_General_100_BIN2 NOT NULL,
    bucket_start datetime2(6) NOT NULL,
    dim1         nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    dim2         nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    dim3         nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    dims_size    AS DATALENGTH(dim1) * 1000000 + DATALENGTH(dim2) * 1000 + DATALENGTH(dim3) PERSISTED NOT NULL,
    "value"      bigint NOT NULL,
    PRIMARY KEY ("rollup", bucket_start, dim1, dim2, dim3, dims_size)
);

-- Progress: the one truth about which offsets are folded in, and the fence against a former owner.
CREATE TABLE consumer_offsets (
    log_id         nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    topic          nvarchar(249) COLLATE Latin1_General_100_BIN2 NOT NULL,
    partition_id   int NOT NULL,
    next_offset    bigint NOT NULL,
    epoch          bigint NOT NULL,
    "owner"        nvarchar(256) COLLATE Latin1_General_100_BIN2 NOT NULL,
    revision       bigint NOT NULL,
    high_watermark bigint NOT NULL,
    looked_at      datetime2(6) NOT NULL,
    max_event_at   datetime2(6) NULL,
    PRIMARY KEY (log_id, topic, partition_id)
);

-- The accounting identity per partition, exact at every commit:
-- next_offset - first_offset + rewound = counted + repeated + duplicate + conflict + excluded + late
--                                        + erased + dead_lettered + hole + gap
CREATE TABLE partition_ledger (
    log_id        nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    topic         nvarchar(249) COLLATE Latin1_General_100_BIN2 NOT NULL,
    partition_id  int NOT NULL,
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
);

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
    "day" date NOT NULL,
    h1    bigint NOT NULL,
    h2    bigint NOT NULL,
    PRIMARY KEY ("day", h1, h2)
);

-- Offsets that were gone from the log before they could be read, accepted by an operator.
CREATE TABLE ingest_gaps (
    log_id       nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    topic        nvarchar(249) COLLATE Latin1_General_100_BIN2 NOT NULL,
    partition_id int NOT NULL,
    from_offset  bigint NOT NULL,
    to_offset    bigint NOT NULL,
    noted_at     datetime2(6) NOT NULL,
    PRIMARY KEY (log_id, topic, partition_id, from_offset)
);

-- Facts that must not change under a database: the zone that cuts its days.
CREATE TABLE px_settings (
    "name"  nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
    "value" nvarchar(400) COLLATE Latin1_General_100_BIN2 NOT NULL
);
