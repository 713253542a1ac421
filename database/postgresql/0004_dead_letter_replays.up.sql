-- px: runs-with-from 1
-- Dead letters that were written to the log again: origin of the record, and where its copy stands.
CREATE TABLE dead_letter_replays (
    log_id       text NOT NULL,
    topic        text NOT NULL,
    partition_id integer NOT NULL,
    "offset"     bigint NOT NULL,
    event_id     uuid NOT NULL,
    replayed_at  timestamptz NOT NULL,
    to_partition integer NOT NULL,
    to_offset    bigint NOT NULL,
    PRIMARY KEY (log_id, topic, partition_id, "offset")
);
GRANT SELECT, INSERT ON dead_letter_replays TO px_operator;
GRANT SELECT ON dead_letter_replays TO px_verify;
