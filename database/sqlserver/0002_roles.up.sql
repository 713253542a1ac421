-- px: runs-with-from 1
-- Roles of least privilege, one per kind of work, in this database. Make login users members of them. What each may
-- do: database/privileges.txt.

IF DATABASE_PRINCIPAL_ID(N'px_agg') IS NULL EXEC(N'CREATE ROLE px_agg');
IF DATABASE_PRINCIPAL_ID(N'px_api') IS NULL EXEC(N'CREATE ROLE px_api');
IF DATABASE_PRINCIPAL_ID(N'px_raw') IS NULL EXEC(N'CREATE ROLE px_raw');
IF DATABASE_PRINCIPAL_ID(N'px_operator') IS NULL EXEC(N'CREATE ROLE px_operator');
IF DATABASE_PRINCIPAL_ID(N'px_retention') IS NULL EXEC(N'CREATE ROLE px_retention');
IF DATABASE_PRINCIPAL_ID(N'px_verify') IS NULL EXEC(N'CREATE ROLE px_verify');

-- Made by --migrate before its first file; other runners do not know it.
IF OBJECT_ID(N'px_schema_migrations', N'U') IS NULL
    CREATE TABLE px_schema_migrations (
        version        bigint NOT NULL PRIMARY KEY,
        name           nvarchar(128) NOT NULL,
        checksum       nvarchar(64) NOT NULL,
        applied_at     nvarchar(64) NOT NULL,
        duration_ms    bigint NOT NULL,
        runs_with_from bigint NOT NULL DEFAULT 0
    );

-- The aggregator stores raw events and never reads them. It reads their ids, because an event that is there already
-- cannot be left out otherwise.
GRANT INSERT ON events TO px_agg;
GRANT SELECT (id) ON events TO px_agg;
GRANT SELECT, INSERT ON dedupe_event TO px_agg;
GRANT SELECT, INSERT ON dedupe_day TO px_agg;
GRANT SELECT, INSERT ON px_settings TO px_agg;
GRANT SELECT, INSERT, UPDATE ON daily_metrics TO px_agg;
GRANT SELECT, INSERT, UPDATE ON event_summary TO px_agg;
GRANT SELECT, INSERT, UPDATE ON minute_summary TO px_agg;
GRANT SELECT, INSERT, UPDATE ON rollup_values TO px_agg;
GRANT SELECT, INSERT, UPDATE ON players TO px_agg;
GRANT SELECT, INSERT, UPDATE ON consumer_offsets TO px_agg;
GRANT SELECT, INSERT, UPDATE ON partition_ledger TO px_agg;
GRANT SELECT, INSERT, UPDATE ON ingest_gaps TO px_agg;
GRANT SELECT ON px_schema_migrations TO px_agg;
GRANT SELECT ON daily_metrics TO px_api;
GRANT SELECT ON event_summary TO px_api;
GRANT SELECT ON minute_summary TO px_api;
GRANT SELECT ON rollup_values TO px_api;
GRANT SELECT ON consumer_offsets TO px_api;
GRANT SELECT ON px_settings TO px_api;
GRANT SELECT ON px_schema_migrations TO px_api;
GRANT SELECT ON events TO px_raw;
GRANT SELECT ON events TO px_operator;
GRANT SELECT ON px_settings TO px_operator;
GRANT SELECT ON px_schema_migrations TO px_operator;
GRANT SELECT, DELETE ON events TO px_retention;
GRANT SELECT, DELETE ON dedupe_event TO px_retention;
GRANT SELECT, DELETE ON dedupe_day TO px_retention;
GRANT SELECT, DELETE ON minute_summary TO px_retention;
GRANT SELECT, DELETE ON rollup_values TO px_retention;
GRANT SELECT ON events TO px_verify;
GRANT SELECT ON daily_metrics TO px_verify;
GRANT SELECT ON event_summary TO px_verify;
GRANT SELECT ON minute_summary TO px_verify;
GRANT SELECT ON rollup_values TO px_verify;
GRANT SELECT ON players TO px_verify;
GRANT SELECT ON consumer_offsets TO px_verify;
GRANT SELECT ON partition_ledger TO px_verify;
GRANT SELECT ON ingest_gaps TO px_verify;
GRANT SELECT ON px_settings TO px_verify;
GRANT SELECT ON px_schema_migrations TO px_verify;
