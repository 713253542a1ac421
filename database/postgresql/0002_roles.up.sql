-- px: runs-with-from 1
-- Roles of least privilege, one per kind of work. They cannot log in: grant them to login users. A role belongs to
-- the whole cluster, so one that another database made is used as it is. What each may do: database/privileges.txt.

DO $px$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['px_agg', 'px_api', 'px_raw', 'px_operator', 'px_retention', 'px_verify'] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = wanted);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- a migrator of another database was faster
            WHEN insufficient_privilege THEN
                RAISE insufficient_privilege USING MESSAGE = format(
                    'role %I is missing and %I may not make it: as a superuser run database/postgresql/roles.sql once',
                    wanted, current_user);
        END;
    END LOOP;
    -- Before PostgreSQL 15 everybody might create tables here, and with them shadow ours.
    IF has_schema_privilege('public', current_schema(), 'CREATE') THEN
        EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema());
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO px_agg, px_api, px_raw, px_operator, px_retention, px_verify', current_schema());
END
$px$;

-- Made by --migrate before its first file; other runners do not know it.
CREATE TABLE IF NOT EXISTS px_schema_migrations (
    version         bigint PRIMARY KEY,
    name            text NOT NULL,
    checksum        text NOT NULL,
    applied_at      text NOT NULL,
    duration_ms     bigint NOT NULL,
    runs_with_from  bigint NOT NULL DEFAULT 0
);

-- The aggregator stores raw events and never reads them.
GRANT INSERT ON events TO px_agg;
GRANT SELECT, INSERT ON dedupe_event, dedupe_day, px_settings TO px_agg;
GRANT SELECT, INSERT, UPDATE ON daily_metrics, event_summary, minute_summary, rollup_values, players,
    consumer_offsets, partition_ledger, ingest_gaps TO px_agg;
GRANT SELECT ON px_schema_migrations TO px_agg;

GRANT SELECT ON daily_metrics, event_summary, minute_summary, rollup_values, consumer_offsets, px_settings,
    px_schema_migrations TO px_api;

GRANT SELECT ON events TO px_raw;

GRANT SELECT ON events, px_settings, px_schema_migrations TO px_operator;

GRANT SELECT, DELETE ON events, dedupe_event, dedupe_day, minute_summary, rollup_values TO px_retention;

GRANT SELECT ON events, daily_metrics, event_summary, minute_summary, rollup_values, players, consumer_offsets,
    partition_ledger, ingest_gaps, px_settings, px_schema_migrations TO px_verify;
