-- px: runs-with-from 1
-- Dead letters that were written to the log again: origin of the record, and where its copy stands.
CREATE TABLE dead_letter_replays (
    log_id       nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    topic        nvarchar(249) COLLATE Latin1_General_100_BIN2 NOT NULL,
    partition_id int NOT NULL,
    "offset"     bigint NOT NULL,
    event_id     char(36) COLLATE Latin1_General_100_BIN2 NOT NULL,
    replayed_at  datetime2(6) NOT NULL,
    to_partition int NOT NULL,
    to_offset    bigint NOT NULL,
    PRIMARY KEY (log_id, topic, partition_id, "offset")
);
GRANT SELECT, INSERT ON dead_letter_replays TO px_operator;
GRANT SELECT ON dead_letter_replays TO px_verify;
