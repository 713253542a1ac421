-- The roles stay: other databases of the cluster may use them. px_schema_migrations belongs to the runner.
REVOKE ALL ON events, daily_metrics, event_summary, minute_summary, rollup_values, players, consumer_offsets,
    partition_ledger, dedupe_event, dedupe_day, ingest_gaps, px_settings, px_schema_migrations
    FROM px_agg, px_api, px_raw, px_operator, px_retention, px_verify;
DO $px$
BEGIN
    EXECUTE format('REVOKE ALL ON SCHEMA %I FROM px_agg, px_api, px_raw, px_operator, px_retention, px_verify', current_schema());
END
$px$;
