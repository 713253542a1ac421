-- px: runs-with-from 1
-- Players who were erased, by a keyed fingerprint of their id. Programs that do not know the table may run beside
-- those that do, as long as nobody was erased: docs/ERASURE.md.
CREATE TABLE erasures (
    number      bigint NOT NULL PRIMARY KEY,
    kid         nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    fingerprint nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    asked_at    datetime2(6) NOT NULL,
    finished_at datetime2(6) NULL,
    receipt     nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL
);
CREATE UNIQUE INDEX erasures_fingerprint ON erasures (fingerprint);
-- How many rows of each table lost the player.
CREATE TABLE erasure_counts (
    number     bigint NOT NULL,
    table_name nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    row_count  bigint NOT NULL,
    PRIMARY KEY (number, table_name)
);

-- A role of its own: it reads and rewrites what is personal, which nobody else of the roles may.
IF DATABASE_PRINCIPAL_ID(N'px_eraser') IS NULL EXEC(N'CREATE ROLE px_eraser');
GRANT SELECT, INSERT, UPDATE ON erasures TO px_eraser;
GRANT SELECT, INSERT, UPDATE ON erasure_counts TO px_eraser;
GRANT SELECT, UPDATE ON events TO px_eraser;
GRANT SELECT, UPDATE ON consumer_offsets TO px_eraser;
GRANT SELECT, INSERT, UPDATE, DELETE ON players TO px_eraser;
GRANT SELECT, INSERT, UPDATE, DELETE ON rollup_values TO px_eraser;
GRANT SELECT ON px_settings TO px_eraser;
GRANT SELECT ON px_schema_migrations TO px_eraser;
-- The aggregator honours them, and takes over those that other databases announce.
GRANT SELECT, INSERT ON erasures TO px_agg;
GRANT SELECT ON erasures TO px_verify;
GRANT SELECT ON erasure_counts TO px_verify;
