-- px: runs-with-from 1
-- Dead letters that were written to the log again: origin of the record, and where its copy stands.
CREATE TABLE dead_letter_replays (
    log_id       TEXT NOT NULL,
    topic        TEXT NOT NULL,
    partition_id INTEGER NOT NULL,
    "offset"     INTEGER NOT NULL,
    event_id     TEXT NOT NULL,
    replayed_at  TEXT NOT NULL,
    to_partition INTEGER NOT NULL,
    to_offset    INTEGER NOT NULL,
    PRIMARY KEY (log_id, topic, partition_id, "offset")
) WITHOUT ROWID;
