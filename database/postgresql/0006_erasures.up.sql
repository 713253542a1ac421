-- px: runs-with-from 1
-- Players who were erased, by a keyed fingerprint of their id. Programs that do not know the table may run beside
-- those that do, as long as nobody was erased: docs/ERASURE.md.
CREATE TABLE erasures (
    number      bigint PRIMARY KEY,
    kid         text NOT NULL,
    fingerprint text NOT NULL,
    asked_at    timestamptz NOT NULL,
    finished_at timestamptz,
    receipt     text
);
CREATE UNIQUE INDEX erasures_fingerprint ON erasures (fingerprint);
-- How many rows of each table lost the player.
CREATE TABLE erasure_counts (
    number     bigint NOT NULL,
    table_name text NOT NULL,
    row_count  bigint NOT NULL,
    PRIMARY KEY (number, table_name)
);

-- A role of its own: it reads and rewrites what is personal, which nobody else of the roles may.
DO $px$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'px_eraser') THEN
        BEGIN
            CREATE ROLE px_eraser NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- a migrator of another database was faster
            WHEN insufficient_privilege THEN
                RAISE insufficient_privilege USING MESSAGE = format(
                    'role px_eraser is missing and %I may not make it: as a superuser run database/postgresql/roles.sql once',
                    current_user);
        END;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO px_eraser', current_schema());
END
$px$;
GRANT SELECT, INSERT, UPDATE ON erasures, erasure_counts TO px_eraser;
GRANT SELECT, UPDATE ON events, consumer_offsets TO px_eraser;
GRANT SELECT, INSERT, UPDATE, DELETE ON players, rollup_values TO px_eraser;
GRANT SELECT ON px_settings, px_schema_migrations TO px_eraser;
-- The aggregator honours them, and takes over those that other databases announce.
GRANT SELECT, INSERT ON erasures TO px_agg;
GRANT SELECT ON erasures, erasure_counts TO px_verify;
