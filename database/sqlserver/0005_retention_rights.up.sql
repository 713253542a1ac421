-- px: runs-with-from 1
-- What svc-aggregator --retention=run does besides deleting: say in px_settings what is gone, and wait for batches
-- under way, which takes the right to UPDATE the rows whose locks it waits for. Nothing is written there.
GRANT SELECT, DELETE ON daily_metrics TO px_retention;
GRANT SELECT, DELETE ON event_summary TO px_retention;
GRANT SELECT, INSERT, UPDATE ON px_settings TO px_retention;
GRANT SELECT, UPDATE ON consumer_offsets TO px_retention;
GRANT SELECT ON px_schema_migrations TO px_retention;
