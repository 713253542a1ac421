-- px: runs-with-from 1
-- Players who were erased, by a keyed fingerprint of their id. Programs that do not know the table may run beside
-- those that do, as long as nobody was erased: docs/ERASURE.md.
CREATE TABLE erasures (
    number      INTEGER NOT NULL PRIMARY KEY,
    kid         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    asked_at    TEXT NOT NULL,
    finished_at TEXT,
    receipt     TEXT
);
CREATE UNIQUE INDEX erasures_fingerprint ON erasures (fingerprint);
-- How many rows of each table lost the player.
CREATE TABLE erasure_counts (
    number     INTEGER NOT NULL,
    table_name TEXT NOT NULL,
    row_count  INTEGER NOT NULL,
    PRIMARY KEY (number, table_name)
) WITHOUT ROWID;
